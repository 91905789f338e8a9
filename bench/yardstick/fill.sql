-- The yardstick's rows in our tables. A session has the id of its user, so that the tokens can name it.
INSERT INTO public.users (id, name, email, email_key, password_hash, role, disabled, created_at, updated_at)
SELECT id, name, email, lower(email), '-', 'user', false, created_at, created_at FROM yardstick.users;

INSERT INTO public.user_sessions (id, user_id, refresh_jti, created_at, expires_at)
SELECT id, id, '-', created_at, 'infinity' FROM yardstick.users;

INSERT INTO public.zakat_calculations (id, user_id, wealth, nisab, zakat_amount, eligible, rate, currency,
                                       year_basis, notes, calculated_at)
SELECT id, user_id, wealth, nisab, zakat_amount, eligible, 0.025, 'USD', 'lunar', notes, calculated_at
FROM yardstick.zakat_calculations;

INSERT INTO public.murabaha_vendors (id, name, email, active, created_at, updated_at)
SELECT id, name, email, true, created_at, created_at FROM yardstick.vendors;

-- There, pending applications have instalments, which our triggers would not let in.
SET session_replication_role = replica;
INSERT INTO public.murabaha_applications (
    id, application_number, user_id, vendor_id, item_description, requested_amount, currency, term_months,
    down_payment, documents, state, cost, profit_rate, profit, selling_price, agreed_down_payment, financed,
    expires_at, acquired_on, accepted_at, rebate, created_at, updated_at)
SELECT a.id, 'M-' || row_number() OVER (), a.user_id, a.vendor_id, a.item_description, a.requested_amount, 'USD', 12,
       0, '{}', a.status, a.requested_amount, 0.10, i.total - a.requested_amount, i.total, 0, i.total,
       a.created_at + interval '30 days', '2025-07-03', a.created_at, 0, a.created_at, a.updated_at
FROM yardstick.murabaha_applications a
JOIN (SELECT application_id, sum(amount) AS total FROM yardstick.murabaha_installments GROUP BY 1) i
  ON i.application_id = a.id;
INSERT INTO public.murabaha_installments (id, application_id, number, due_date, amount, paid_amount, waived, paid_at)
SELECT id, application_id, installment_number, due_date, amount, CASE status WHEN 'paid' THEN amount ELSE 0 END, 0, NULL
FROM yardstick.murabaha_installments;
SET session_replication_role = DEFAULT;

INSERT INTO public.waqf_projects (id, name, description, category, currency, funding_goal, active, raised, pledged,
                                  donor_count, donation_count, completed_at, created_at)
SELECT p.id, p.name, p.description, 'general', 'USD', p.funding_goal, p.active, coalesce(d.raised, 0), 0,
       coalesce(d.donors, 0), coalesce(d.donations, 0), NULL, p.created_at
FROM yardstick.waqf_projects p
LEFT JOIN (SELECT project_id, sum(amount) AS raised, count(DISTINCT user_id) AS donors, count(*) AS donations
           FROM yardstick.waqf_donations GROUP BY 1) d ON d.project_id = p.id;
INSERT INTO public.waqf_donations (id, project_id, user_id, amount, currency, is_anonymous, message, status,
                                   refunded_amount, disputed_amount, created_at)
SELECT id, project_id, user_id, amount, 'USD', is_anonymous, message, 'succeeded', 0, 0, created_at
FROM yardstick.waqf_donations;
INSERT INTO public.payments (id, donation_id, amount, currency, status, stripe_amount_refunded, superseded, created_at)
SELECT gen_random_uuid(), id, amount, 'USD', 'succeeded', 0, false, created_at FROM public.waqf_donations;
