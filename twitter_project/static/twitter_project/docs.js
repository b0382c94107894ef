"use strict";

SwaggerUIBundle({
  url: document.getElementById("swagger-ui").dataset.schema,
  dom_id: "#swagger-ui",
  // No deep links: Swagger UI logs an error for each name with an underscore.
  persistAuthorization: true,
  validatorUrl: null, // would ask a server elsewhere
});
