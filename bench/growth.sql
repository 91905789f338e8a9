-- The rows of ``bench.growth``: all numbers grow with ``factor``, except those of three people: a
-- client with few records, an officer and an admin. The values of each filter are unequal: some are
-- of most rows, and some of three rows for each factor.
SET session_replication_role = replica;
CREATE FUNCTION pg_temp.id(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
    AS $$ SELECT md5(kind || n)::uuid $$;
-- The n-th of ``total`` moments of the last two years.
CREATE FUNCTION pg_temp.moment(n bigint, total bigint) RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT now() - interval '1 minute' - (total - n) * (interval '730 days' / total) $$;

-- 1: many records, 2: few, 3: officer, 4: admin.
INSERT INTO users (id, name, email, email_key, password_hash, role, disabled, locale, notifications,
                   second_factor, created_at, updated_at)
SELECT pg_temp.id('user', n), 'Person ' || n, 'p' || n || '@example.org', 'p' || n || '@example.org',
       '-', CASE WHEN n = 3 THEN 'officer' WHEN n = 4 THEN 'admin' ELSE 'user' END,
       n BETWEEN 10 AND 12, 'en', '{}', false, m, m
FROM generate_series(1, 100 * %(factor)s) n, pg_temp.moment(n, 100 * %(factor)s) m;
INSERT INTO user_sessions (id, user_id, refresh_jti, created_at, expires_at, user_agent,
                           last_used_at, rotations)
SELECT id, id, '-', created_at, 'infinity', '', created_at, '[]' FROM users;

INSERT INTO zakat_metal_prices (id, currency, gold_price_per_gram, gold_grams, gold_nisab,
    silver_price_per_gram, silver_grams, silver_nisab, effective_at, hijri_date, created_at)
SELECT pg_temp.id('price', n), CASE WHEN mod(n, 5) = 0 THEN 'EUR' ELSE 'USD' END, 130.25, 85,
       11071.25, 1.55, 595, 922.25, m, '1448-06-01', m
FROM generate_series(1, 20 * %(factor)s) n, pg_temp.moment(n, 20 * %(factor)s) m;
INSERT INTO zakat_calculations (id, user_id, wealth, nisab, zakat_amount, eligible, rate, currency,
                                year_basis, notes, calculated_at)
SELECT pg_temp.id('calculation', n),
       pg_temp.id('user', CASE WHEN n <= 5 THEN 2 WHEN mod(n, 2) = 0 THEN 1
                          ELSE 5 + mod(n, 90 * %(factor)s) END),
       10000 + n, 5950, 250, true, 0.025, 'USD', 'lunar', 'filled', m
FROM generate_series(1, 200 * %(factor)s) n, pg_temp.moment(n, 200 * %(factor)s) m;
INSERT INTO uploads (id, user_id, filename, size, type, created_at)
SELECT pg_temp.id('upload', n), pg_temp.id('user', CASE WHEN n <= 5 THEN 2 WHEN mod(n, 2) = 0 THEN 1
                                           ELSE 5 + mod(n, 90 * %(factor)s) END),
       'file-' || n || '.pdf', 1000, 'application/pdf', m
FROM generate_series(1, 50 * %(factor)s) n, pg_temp.moment(n, 50 * %(factor)s) m;

-- Murabaha: sales, of which some are overdue, and applications in every other state.
INSERT INTO murabaha_vendors (id, name, active, created_at, updated_at)
SELECT pg_temp.id('vendor', n), 'Vendor ' || n, n > 3, m, m
FROM generate_series(1, 20 * %(factor)s) n, pg_temp.moment(n, 20 * %(factor)s) m;
INSERT INTO murabaha_applications (id, application_number, user_id, vendor_id, item_description,
    requested_amount, currency, term_months, down_payment, documents, state, cost, profit_rate,
    profit, selling_price, agreed_down_payment, financed, expires_at, acquired_on, accepted_at,
    rebate, down_payment_received, has_booked_down_payment, created_at, updated_at)
SELECT pg_temp.id('application', n), 'M-' || n,
       pg_temp.id('user', CASE WHEN n <= 5 THEN 2 WHEN mod(n, 5) = 0 THEN 1
                          ELSE 5 + mod(n, 90 * %(factor)s) END),
       pg_temp.id('vendor', 4 + mod(n, 16 * %(factor)s)), 'A car', 6000, 'USD', 12, 0,
       CASE WHEN mod(n, 4) = 0 THEN ARRAY['file-' || n || '.pdf'] ELSE '{}' END, state,
       CASE WHEN offered THEN 6000 END, CASE WHEN offered THEN 0 END, CASE WHEN offered THEN 0 END,
       CASE WHEN offered THEN 6000 END, CASE WHEN offered THEN 0 END,
       CASE WHEN offered THEN 6000 END,
       CASE WHEN offered THEN m + interval '30 days' * (1 + CASE state WHEN 'approved' THEN 24 ELSE 0 END)
       END,
       CASE WHEN sold THEN m::date END, CASE WHEN sold THEN m END,
       CASE WHEN offered THEN 0 END, 0, offered, m, m
FROM generate_series(1, 100 * %(factor)s) n, pg_temp.moment(n, 100 * %(factor)s) m,
     LATERAL (SELECT CASE WHEN n BETWEEN 6 AND 8 THEN 'acquired' WHEN n BETWEEN 9 AND 11
                          THEN 'approved' WHEN mod(n, 10) < 3 THEN 'active' WHEN mod(n, 10) < 6
                          THEN 'completed' WHEN mod(n, 10) < 8 THEN 'rejected' WHEN mod(n, 10) = 8
                          THEN 'cancelled' ELSE 'pending' END AS state) s,
     LATERAL (SELECT state IN ('approved', 'acquired', 'active', 'completed') AS offered,
                     state IN ('active', 'completed') AS sold) o;
INSERT INTO murabaha_installments (id, application_id, number, due_date, amount, paid_amount,
                                   waived, paid_at)
SELECT pg_temp.id('installment ' || i || ' ', right(a.application_number, -2)::int), a.id, i,
       -- Those of three sales are overdue; others are paid up to today.
       current_date + (i - 6) * 30, 500,
       CASE WHEN a.state = 'completed' OR (i <= 6 AND a.application_number
            NOT IN ('M-20', 'M-21', 'M-22')) THEN 500 ELSE 0 END, 0,
       CASE WHEN a.state = 'completed' OR i <= 6 THEN a.created_at END
FROM murabaha_applications a, generate_series(1, 12) i WHERE a.state IN ('active', 'completed');
INSERT INTO murabaha_events (id, application_id, user_id, action, from_state, to_state, facts,
                             created_at)
SELECT pg_temp.id('event', right(application_number, -2)::int), id, user_id, 'apply', null,
       'pending', '{}', created_at FROM murabaha_applications;
INSERT INTO murabaha_receipts (id, application_id, kind, amount, method, reference, reference_key,
                               received_on, parts, recorded_by, created_at)
SELECT id, id, 'installment', 500, 'cash', application_number, application_number, current_date,
       '[]', pg_temp.id('user', 3), created_at
FROM murabaha_applications WHERE state = 'active';

-- Waqf: project 1 has two fifths of the donations.
INSERT INTO waqf_projects (id, name, category, currency, funding_goal, active, raised, pledged,
                           donor_count, donation_count, created_at)
SELECT pg_temp.id('project', n), 'A well', CASE WHEN n BETWEEN 2 AND 4 THEN 'mosque'
       ELSE 'water' END, 'USD', 10000000000, n NOT BETWEEN 5 AND 7, 100, 0, 1, 80 * %(factor)s, m
FROM generate_series(1, 20 * %(factor)s) n, pg_temp.moment(n, 20 * %(factor)s) m;
INSERT INTO waqf_donations (id, project_id, user_id, channel, amount, currency, is_anonymous,
    status, received_amount, refunded_amount, disputed_amount, receipt_number, succeeded_at,
    created_at, method, reference, reference_key, received_on, recorded_by)
SELECT pg_temp.id('donation', n),
       pg_temp.id('project', CASE WHEN mod(n, 5) < 2 THEN 1 ELSE 8 + mod(n, 12 * %(factor)s) END),
       pg_temp.id('user', CASE WHEN n <= 5 THEN 2 WHEN mod(n, 4) = 0 THEN 1
                          ELSE 5 + mod(n, 90 * %(factor)s) END),
       CASE WHEN offline THEN 'offline' ELSE 'stripe' END, 5 + mod(n, 1000), 'USD', mod(n, 3) = 0,
       status, CASE WHEN paid THEN 5 + mod(n, 1000) ELSE 0 END,
       CASE WHEN status = 'refunded' THEN 5 + mod(n, 1000) ELSE 0 END, 0,
       CASE WHEN paid THEN 'R-2026-' || lpad(n::text, 6, '0') END, CASE WHEN paid THEN m END, m,
       CASE WHEN offline THEN 'cash' END, CASE WHEN offline THEN 'C-' || n END,
       CASE WHEN offline THEN 'c-' || n END, CASE WHEN offline THEN m::date END,
       CASE WHEN offline THEN pg_temp.id('user', 3) END
FROM generate_series(1, 200 * %(factor)s) n, pg_temp.moment(n, 200 * %(factor)s) m,
     LATERAL (SELECT n BETWEEN 20 AND 22 AS offline,
                     CASE WHEN n BETWEEN 10 AND 12 THEN 'refunded' WHEN n BETWEEN 13 AND 15
                          THEN 'failed' WHEN mod(n, 50) = 49 THEN 'cancelled' WHEN mod(n, 100) = 37
                          THEN 'pending' ELSE 'succeeded' END AS status) s,
     LATERAL (SELECT status IN ('succeeded', 'refunded') AS paid) p;
INSERT INTO waqf_disbursements (id, project_id, amount, currency, paid_on, recipient, purpose,
                                reference, reference_key, recorded_by, created_at)
SELECT pg_temp.id('disbursement', n), pg_temp.id('project', CASE WHEN mod(n, 2) = 0 THEN 1
       ELSE 8 + mod(n, 12 * %(factor)s) END), 5, 'USD', m::date, 'A builder', 'Pipes',
       'D-' || n, 'd-' || n, pg_temp.id('user', 3), m
FROM generate_series(1, 20 * %(factor)s) n, pg_temp.moment(n, 20 * %(factor)s) m;

-- Payments of donations through Stripe, and the ledger.
INSERT INTO payments (id, donation_id, amount, amount_received, currency, status, intent_id,
                      stripe_amount_refunded, superseded, has_begun, paid_at, created_at)
SELECT id, id, amount, received_amount, currency, CASE WHEN status = 'refunded' THEN 'succeeded'
       ELSE status END, 'pi_' || id, refunded_amount, false, false, succeeded_at, created_at
FROM waqf_donations WHERE channel = 'stripe';
INSERT INTO ledger_entries (id, fund, currency, kind, subject_id, payment_id, created_at,
                            value_date)
SELECT id, 'waqf ' || project_id, 'USD', 'donation received', id,
       CASE channel WHEN 'stripe' THEN id END, created_at, created_at::date
FROM waqf_donations WHERE received_amount > 0
UNION ALL
SELECT id, 'waqf ' || project_id, 'USD', 'disbursement', id, null, created_at, paid_on
FROM waqf_disbursements;
INSERT INTO ledger_postings (entry_id, account, amount)
SELECT d.id, side.account, side.sign * d.received_amount FROM waqf_donations d,
       (VALUES ('stripe', 1), ('donations', -1)) AS side(account, sign) WHERE received_amount > 0
UNION ALL
SELECT d.id, side.account, side.sign * d.amount FROM waqf_disbursements d,
       (VALUES ('disbursements', 1), ('bank', -1)) AS side(account, sign);
INSERT INTO payouts (id, provider_id, amount, currency, status, automatic, arrives_on, occurred_at,
                     lines_ready, lines_complete, charges, refunds, fees, other, matched, unmatched,
                     created_at)
SELECT pg_temp.id('payout', n), 'po_' || n, 5, 'USD', CASE WHEN n BETWEEN 2 AND 4 THEN 'failed'
       ELSE 'paid' END, true, m::date, m, true, true, 5, 0, 0, 0, 1, 0, m
FROM generate_series(1, 20 * %(factor)s) n, pg_temp.moment(n, 20 * %(factor)s) m;
INSERT INTO balance_transactions (id, provider_id, type, amount, fee, net, currency, source_amount,
    source_currency, match, payment_id, fund, payout_id, available_on, occurred_at, created_at)
SELECT d.id, 'txn_' || d.id, 'charge', d.amount, 0, d.amount, 'USD', d.amount, 'USD', 'payment',
       d.id, 'waqf ' || d.project_id, pg_temp.id('payout', CASE WHEN d.is_anonymous THEN 1
       ELSE 2 + mod(length(d.id::text || d.amount), 3) END), created_at, created_at, created_at
FROM waqf_donations d WHERE d.status = 'succeeded' AND d.channel = 'stripe';
INSERT INTO payment_exceptions (id, kind, key, message, facts, created_at, resolved_at, resolved_by)
SELECT pg_temp.id('exception', n), CASE WHEN n BETWEEN 5 AND 7 THEN 'dispute' ELSE 'other' END,
       'other ' || n, 'Look at it.', '{}', m, CASE WHEN n NOT BETWEEN 2 AND 4 THEN m END,
       CASE WHEN n NOT BETWEEN 2 AND 4 THEN pg_temp.id('user', 3) END
FROM generate_series(1, 50 * %(factor)s) n, pg_temp.moment(n, 50 * %(factor)s) m;

INSERT INTO approvals (id, action, subject_id, role, request, fingerprint, requested_by,
                       requested_at, expires_at, confirmed_by, confirmed_at)
SELECT pg_temp.id('approval', n), 'refund_donation', pg_temp.id('donation', n),
       CASE WHEN mod(n, 5) = 0 THEN 'admin' ELSE 'officer' END, '{}', 'f' || n,
       pg_temp.id('user', 3), m,
       CASE WHEN n BETWEEN 2 AND 4 THEN now() + interval '7 days' ELSE m + interval '1 day' END,
       CASE WHEN mod(n, 2) = 0 AND n > 4 THEN pg_temp.id('user', 4) END,
       CASE WHEN mod(n, 2) = 0 AND n > 4 THEN m END
FROM generate_series(1, 20 * %(factor)s) n, pg_temp.moment(n, 20 * %(factor)s) m;
INSERT INTO audit_events (id, at, actor_id, actor_name, action, subject_type, subject_id, changes)
SELECT pg_temp.id('audit', n), m, pg_temp.id('user', CASE WHEN n BETWEEN 2 AND 4 THEN 2 ELSE 3 END),
       'Person 3', CASE WHEN n BETWEEN 2 AND 4 THEN 'update_user' ELSE 'approve_application' END,
       'application', pg_temp.id('application', 1 + mod(n, 100 * %(factor)s)), '{}'
FROM generate_series(1, 200 * %(factor)s) n, pg_temp.moment(n, 200 * %(factor)s) m;
SET session_replication_role = DEFAULT;
