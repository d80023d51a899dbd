"""The line's own table and its two statements."""

from sqlalchemy import text

TABLE = """
create table errands (
  booking_id uuid primary key references bookings, task text not null, place text not null, due_at timestamptz not null,
  distance_km integer not null check (distance_km > 0))
"""
COLUMNS = "booking_id, task, place, due_at, distance_km"
INSERT = text(f"insert into errands ({COLUMNS}) values (:booking_id, :task, :place, :due_at, :distance_km)")
SELECT = text("select task, place, due_at, distance_km from errands where booking_id = :booking_id")
