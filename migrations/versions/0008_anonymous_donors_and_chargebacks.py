"""Count anonymous donors apart, and mark donations that chargebacks took back as refunded.

Only rows change, so the previous release can serve beside it; ``flask projects recount`` corrects
what that release still counts by its own rule.
"""

from alembic import op

revision = "0008"
down_revision = "0007"

# Before the rows of projects, because a payment's update reads the donation before it locks the
# project: the other order would deadlock.
LOCK = "LOCK TABLE waqf_donations IN ACCESS EXCLUSIVE MODE"

MARK_AS_REFUNDED = """
UPDATE waqf_donations d SET status = 'refunded'
WHERE status = 'succeeded' AND disputed_amount > 0
  AND amount - refunded_amount <= (
      SELECT sum(r.amount) FROM payment_reversals r JOIN payments p ON p.id = r.payment_id
      WHERE p.donation_id = d.id AND r.kind = 'dispute' AND r.status = 'lost')
"""
MARK_AS_SUCCEEDED = """
UPDATE waqf_donations SET status = 'succeeded'
WHERE status = 'refunded' AND refunded_amount < amount
"""

DONORS = """count(DISTINCT user_id) FILTER (WHERE NOT is_anonymous)
            + count(*) FILTER (WHERE is_anonymous)"""
DONORS_BEFORE = "count(DISTINCT user_id)"
RECOUNT = """
UPDATE waqf_projects p
SET donor_count = coalesce(c.donors, 0), donation_count = coalesce(c.donations, 0)
FROM waqf_projects o
LEFT JOIN (SELECT project_id, {donors} AS donors, count(*) AS donations
           FROM waqf_donations WHERE status = 'succeeded' GROUP BY project_id) c
       ON c.project_id = o.id
WHERE p.id = o.id
  AND (p.donor_count, p.donation_count) <> (coalesce(c.donors, 0), coalesce(c.donations, 0))
"""


def upgrade():
    op.execute(LOCK)
    op.execute(MARK_AS_REFUNDED)
    op.execute(RECOUNT.format(donors=DONORS))


def downgrade():
    op.execute(LOCK)
    op.execute(MARK_AS_SUCCEEDED)
    op.execute(RECOUNT.format(donors=DONORS_BEFORE))
