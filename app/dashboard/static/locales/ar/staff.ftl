staff-overview = المهام
