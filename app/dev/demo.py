"""Sample data for development. The password of its users is public."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache

from .. import clock
from ..database.base import db
from ..murabaha.models import Vendor
from ..users import passwords
from ..users.models import User
from ..users.rules import normalize_email
from ..waqf.models import Project
from ..zakat.actions.prices import build_metal_price
from ..zakat.models import MetalPrice

PASSWORD = passwords.PUBLISHED_PASSWORD
DEMO_USERS = {
    "admin@example.org": ("Zaynab the admin", "admin"),
    "officer@example.org": ("Umar the officer", "officer"),
    "fatima@example.org": ("Fatima al-Fihri", "user"),
}
PRICES = {  # per gram of pure gold and silver; roughly those of 2026
    "USD": ("130.25", "1.55"),
    "EUR": ("112.40", "1.34"),
    "KWD": ("40.010", "0.476"),
}
VENDORS = {
    "Bait al-Sayyarat": "sales@bait-al-sayyarat.example",
    "Nour Home Appliances": "orders@nour.example",
}
PROJECTS = {
    "A well for Al-Rayyan": ("water", 5000, "Drilling, a pump and a tank for four hundred people."),
    "Books for the Nizamiyya school": ("education", 1200, "A shelf for each of twelve classes."),
}


def has_other_users() -> bool:
    """Return whether the database has a user who is not of the sample data.

    A user with an address of the sample data and another password is a person's account.
    """
    is_demo = User.email_key.in_([normalize_email(email) for email in DEMO_USERS])
    is_other = ~is_demo | User.email_key.is_(None)  # also the users who were erased
    if db.session.scalar(db.select(db.exists().where(is_other))):
        return True
    hashes = db.session.scalars(db.select(User.password_hash).where(is_demo))
    return not all(passwords.verify_password(PASSWORD, password_hash) for password_hash in hashes)


@cache
def _password_hash() -> str:
    """Hash PASSWORD once, because hashing is slow and a suite resets the data often."""
    return passwords.hash_password(PASSWORD)


def seed() -> Iterator[str]:
    """Add the missing sample data, and yield a description of each addition. The caller commits."""
    for email, (name, role) in DEMO_USERS.items():
        if User.credentials(normalize_email(email)).row() is None:
            user = User(name=name, email=email, role=role, password_hash=_password_hash())
            db.session.add(user)
            yield f"{role} {email}"
    for currency, (gold, silver) in PRICES.items():
        if MetalPrice.current(currency).row() is None:
            db.session.add(build_metal_price(currency, Decimal(gold), Decimal(silver), clock.now()))
            yield f"prices of gold and silver in {currency}"
    for name, email in VENDORS.items():
        if db.session.scalar(db.select(Vendor).where(Vendor.name == name)) is None:
            db.session.add(Vendor(name=name, email=email))
            yield f"vendor {name}"
    for name, (category, goal, description) in PROJECTS.items():
        if db.session.scalar(db.select(Project).where(Project.name == name)) is None:
            project = Project(name=name, category=category, description=description)
            project.currency, project.funding_goal = "USD", Decimal(goal)
            db.session.add(project)
            yield f"project {name}"
