terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.7"
    }
  }

  # terraform init -backend-config="bucket=…" -backend-config="prefix=booking"
  backend "gcs" {}
}

provider "google" {
  project = var.project
  region  = var.region

  # Budgets are asked for in the name of a project.
  billing_project       = var.project
  user_project_override = true

  default_labels = { environment = var.environment, managed-by = "terraform" }
}
