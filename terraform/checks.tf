# Preconditions across resources: a plan that violates one is refused.

locals {
  listed  = distinct(flatten([for one in values(local.functions) : one.environment]))
  unsaid  = setsubtract(local.listed, concat(keys(local.given), local.gateway_spare))
  budget  = floor(0.8 * var.database_max_connections)
  at_once = sum([for queue in values(local.list.queues) : queue.max_concurrent_dispatches])
}

resource "terraform_data" "fits" {
  lifecycle {
    precondition {
      condition     = local.connections <= local.budget
      error_message = "The functions may hold ${local.connections} connections (instances × pool), and four fifths of the server's are ${local.budget}: fewer instances, or a larger server."
    }
    precondition {
      condition     = local.at_once <= local.functions["tasks"].size.max * local.functions["tasks"].size.concurrency
      error_message = "The queues dispatch ${local.at_once} tasks at once, more than the tasks function takes: what it refuses with 429 slows the whole queue."
    }
    precondition {
      condition     = length(setsubtract(keys(local.functions), keys(local.bundles))) == 0
      error_message = "A function has no bundle: run `make bundles`."
    }
    precondition {
      condition     = length(setintersection(keys(var.settings), keys(local.computed))) == 0
      error_message = "A setting that follows from the configuration is not given: ${join(", ", setintersection(keys(var.settings), keys(local.computed)))}."
    }
    precondition {
      condition     = length(local.unsaid) == 0
      error_message = "A setting that functions list has no value: ${join(", ", local.unsaid)}."
    }
  }
}
