variable "project" {
  description = "The Google project."
  type        = string
}

variable "project_number" {
  description = "The project's number, by which a budget knows it."
  type        = string
}

variable "emails" {
  description = "Who is told."
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
  description = "What a month may cost, in the billing account's currency."
  type        = number
}
