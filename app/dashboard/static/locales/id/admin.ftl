admin-overview = Ikhtisar
