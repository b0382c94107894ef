"use strict";

SwaggerUIBundle({
  url: document.getElementById("swagger-ui").dataset.schema,
  dom_id: "#swagger-ui",
  // Without deep links, for which Swagger UI logs an error per name with an underscore.
  persistAuthorization: true,
  validatorUrl: null, // it would send the schema to another server
});
