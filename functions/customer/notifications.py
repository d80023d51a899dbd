from functions.notifications import routes_for
from shared.users.models import CUSTOMER

routes = routes_for("/api/v1/customer", CUSTOMER)
