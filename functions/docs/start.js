// A `validatorUrl` would send the document's address to a third party.
SwaggerUIBundle({
  url: "/api/v1/openapi.json",
  dom_id: "#operations",
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
