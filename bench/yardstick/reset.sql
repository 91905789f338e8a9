DELETE FROM public.zakat_calculations WHERE calculated_at >= '2026-01-01';

SET session_replication_role = replica;
DELETE FROM public.payments WHERE created_at >= '2026-01-01';
DELETE FROM public.waqf_donations WHERE created_at >= '2026-01-01';
SET session_replication_role = DEFAULT;
UPDATE public.waqf_projects p SET pledged = 0;
