-- The yardstick's rows in our tables. A sign-in has its user's id, so that the tokens can name it.
INSERT INTO public.users (id, name, email, email_key, password_hash, role, disabled, created_at, updated_at)
SELECT id, name, email, lower(email), '-', 'user', false, created_at, created_at FROM yardstick.users;

INSERT INTO public.sign_ins (id, user_id, refresh_jti, created_at, expires_at)
SELECT id, id, '-', created_at, 'infinity' FROM yardstick.users;

INSERT INTO public.zakat_calculations (id, user_id, wealth, nisab, zakat_amount, eligible, rate, currency,
                                       year_basis, notes, calculated_at)
SELECT id, user_id, wealth, nisab, zakat_amount, eligible, 0.025, 'USD', 'lunar', notes, calculated_at
FROM yardstick.zakat_calculations;
