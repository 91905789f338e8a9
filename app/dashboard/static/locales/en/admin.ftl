admin-overview = Overview
