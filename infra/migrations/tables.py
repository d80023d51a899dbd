"""The metadata of all declared tables, with which tests compare the migrated schema."""

import shared.appointments.models
import shared.appointments.providers.models
import shared.audit.models
import shared.bookings.admin.models
import shared.bookings.models
import shared.idempotency.models
import shared.inbox.models
import shared.invoices.models
import shared.ledger.models
import shared.lines.home_chef.models
import shared.notifications.models
import shared.outbox.models
import shared.payments.models
import shared.payments.reconciliation.models
import shared.places.models
import shared.sign_in.models
import shared.users.models  # noqa: F401 - imported for the tables they declare
from shared.kit.base import Base

metadata = Base.metadata
