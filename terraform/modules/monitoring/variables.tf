variable "project" {
  description = "The Google project."
  type        = string
}

variable "project_number" {
  description = "The project's number, for the budget's filter."
  type        = string
}

variable "emails" {
  description = "The recipients of alerts."
  type        = list(string)
}

variable "health" {
  description = "The host and path of each public function's /health."
  type        = map(object({ host = string, path = string }))
}

variable "billing_account" {
  description = "The billing account the budget watches; null: no budget."
  type        = string
}

variable "monthly_budget" {
  description = "The monthly budget, in the billing account's currency."
  type        = number
}
