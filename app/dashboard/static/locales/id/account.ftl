account-overview = Akun Anda
