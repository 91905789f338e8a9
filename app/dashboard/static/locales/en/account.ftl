account-overview = Your account
