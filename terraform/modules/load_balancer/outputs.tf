output "address" {
  description = "The IP address for the domain's A record."
  value       = google_compute_global_address.this.address
}

output "url_map" {
  description = "The path rules of the URL map."
  value       = google_compute_url_map.https
}

output "policies" {
  description = "The rules at the edge, as they are made."
  value       = google_compute_security_policy.edge
}

output "backends" {
  description = "The backend of each function, by its name."
  value       = { for name, one in google_compute_backend_service.function : name => one.id }
}
