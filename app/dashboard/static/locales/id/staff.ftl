staff-overview = Tugas
