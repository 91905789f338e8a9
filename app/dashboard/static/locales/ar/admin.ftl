admin-overview = نظرة عامة
