output "urls" {
  description = "Each group's URL for clients: the load balancer's or, without one, the function's own."
  value       = { for name in keys(local.public) : name => local.balanced ? "https://${var.domain}" : local.urls[name] }
}

output "address" {
  description = "The IP address for the domain's A record; null without a load balancer."
  value       = local.balanced ? module.load_balancer[0].address : null
}

output "callback" {
  description = "The address the payment gateway calls back."
  value       = "${local.computed.PUBLIC_URL}/api/v1/payments/callback"
}

output "migration" {
  description = "How a build migrates: the queue it adds a task to, the address, and the account the task calls as."
  value = {
    queue   = module.pipeline.queue
    url     = "${local.urls["migrate"]}/migrations/upgrade"
    account = local.invokers["migrate"]
    target  = local.urls["migrate"]
  }
}

output "secrets" {
  description = "The secrets whose values are added by hand."
  value       = keys(module.secrets.ids)
}

output "connections" {
  description = "Connections the functions may hold together, and how many the server takes."
  value       = { held = local.connections, server = var.database_max_connections }
}
