"""Receipt numbers."""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from ...database.base import Base, db


class ReceiptCounter(Base):
    """The last receipt number of each year, in the table waqf_receipt_years.

    It is incremented in the transaction that uses it, so that there are no gaps.
    """

    __tablename__ = "waqf_receipt_years"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]

    @classmethod
    def next_number(cls, year: int) -> str:
        """Increment the year's counter, and return the receipt number."""
        increment = (
            insert(cls)
            .values(year=year, last=1)
            .on_conflict_do_update(index_elements=["year"], set_={"last": cls.last + 1})
            .returning(cls.last)
        )
        return f"R-{year}-{db.session.scalar(increment):06}"
