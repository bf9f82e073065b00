//! `GET /v1/openapi.json`: the description of the JSON faces, OpenAPI 3.1, made from the types that are read and
//! written.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Response};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::face::{Admission, Answer, Call, Face};

/// The description, made once. It tells nothing of this gateway, so it needs no login.
pub struct OpenApiFace {
    document: Bytes,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "calbridge",
        description = "Free/busy lookups as JSON. Every mailbox that is not known has an error: nobody is free because nothing is known.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(super::free_busy::query, super::availability::availability),
    modifiers(&Logins),
)]
struct Description;

/// The logins that both faces take.
struct Logins;

impl Modify for Logins {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let components = description.components.get_or_insert_default();
        for (name, scheme) in [
            ("basic", HttpAuthScheme::Basic),
            ("bearer", HttpAuthScheme::Bearer),
        ] {
            components.add_security_scheme(name, SecurityScheme::Http(Http::new(scheme)));
        }
    }
}

impl OpenApiFace {
    pub const PATH: &'static str = "/v1/openapi.json";
}

impl Default for OpenApiFace {
    fn default() -> Self {
        let document = serde_json::to_vec(&Description::openapi());
        Self {
            document: document.unwrap_or_default().into(),
        }
    }
}

#[async_trait]
impl Face for OpenApiFace {
    fn name(&self) -> &'static str {
        "json"
    }

    fn methods(&self) -> &'static [Method] {
        &[Method::GET]
    }

    fn admission(&self) -> Admission {
        Admission::Open
    }

    fn is_hidden_from_strangers(&self) -> bool {
        true
    }

    async fn answer(&self, _call: Call) -> Answer {
        let response = super::respond(http::StatusCode::OK, self.document.to_vec());
        Answer::to("openapi", response)
    }

    fn reword(&self, refused: Response<Bytes>) -> Response<Bytes> {
        super::reword(refused)
    }

    fn busy(&self, _request_id: uuid::Uuid) -> Response<Bytes> {
        super::busy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_has_both_paths_and_their_logins() {
        let face = OpenApiFace::default();
        let document: serde_json::Value = serde_json::from_slice(&face.document).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
        assert_eq!(paths, ["/calendar/v3/freeBusy", "/v1/availability"]);
        for (path, method) in [
            ("/calendar/v3/freeBusy", "post"),
            ("/v1/availability", "get"),
        ] {
            let operation = &document["paths"][path][method];
            assert_eq!(
                operation["security"],
                serde_json::json!([{"basic": []}, {"bearer": []}])
            );
            for status in ["200", "400", "401", "405", "413", "415", "429", "503"] {
                let body = &operation["responses"][status]["content"]["application/json"];
                assert!(body["schema"]["$ref"].is_string(), "{path} {status}");
            }
        }
    }
}
