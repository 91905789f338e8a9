DELETE FROM public.zakat_calculations WHERE calculated_at >= '2026-01-01';
