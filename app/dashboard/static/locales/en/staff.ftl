staff-overview = To do
