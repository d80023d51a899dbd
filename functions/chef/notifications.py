from functions.notifications import routes_for
from shared.lines.home_chef.visit import CHEF

routes = routes_for("/api/v1/chef", CHEF)
