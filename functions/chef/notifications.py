from functions.notifications import routes_for
from shared.lines.home_chef.lifecycle import CHEF

routes = routes_for("/api/v1/chef", CHEF)
