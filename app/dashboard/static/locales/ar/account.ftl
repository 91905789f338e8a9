account-overview = حسابك
