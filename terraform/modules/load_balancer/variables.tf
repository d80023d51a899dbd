variable "domain" {
  description = "The host name clients call."
  type        = string
}

variable "region" {
  description = "The region of the functions."
  type        = string
}

variable "paths" {
  description = "The paths of each public function, as functions.yaml lists them: exact, or a prefix ending in /*."
  type        = map(list(string))

  validation {
    condition     = alltrue([for path in flatten(values(var.paths)) : can(regex("^/[^*]+(/\\*)?$", path))])
    error_message = "A path is exact, or ends in /*."
  }
  validation {
    condition     = length(distinct(flatten(values(var.paths)))) == length(flatten(values(var.paths)))
    error_message = "A path belongs to one function."
  }
}

variable "fallback" {
  description = "The function that returns 404 for paths of no function: the one without secrets."
  type        = string
}

variable "unthrottled" {
  description = "The function whose callers are few and send for everybody: the gateway's. It has ten times the room."
  type        = string
}

variable "requests_per_minute" {
  description = "Requests one address may send in a minute."
  type        = number
}
