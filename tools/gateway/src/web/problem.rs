//! Errors as `application/problem+json` (RFC 9457), with the code that the device or `berth` gives it. `message` and `status_code`
//! are WASMICO's.

use crate::{Error, Failed};
use axum::{
    extract::multipart::MultipartError,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::time::Duration;

/// Why there is no other answer.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: String,
    detail: String,
    hint: Option<&'static str>,
    retry_after: Option<Duration>,
}

/// A form in parts cannot be read: it is too large, or is none.
impl From<MultipartError> for Problem {
    fn from(error: MultipartError) -> Self {
        match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(),
            _ => Self::bad_request(&error.body_text()),
        }
    }
}

/// Why there is no other answer (RFC 9457). `message` and `status_code` are WASMICO's.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Body<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    message: &'a str,
    status_code: u8,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &str, detail: &str) -> Self {
        Self {
            status,
            code: code.to_owned(),
            detail: detail.to_owned(),
            hint: None,
            retry_after: None,
        }
    }

    pub(crate) fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    pub(crate) fn too_large() -> Self {
        let detail = "the request is larger than what is taken";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    pub(crate) fn bad_request(detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    pub(crate) fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    pub(crate) fn too_often(after: Duration) -> Self {
        let mut problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-requests",
            "too many requests",
        );
        problem.retry_after = Some(after);
        problem
    }

    pub(crate) fn unknown_caller(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail).hint(
            "send a key, as `Authorization: Bearer KEY` or as the password of HTTP basic; `berth-serve key add` makes one",
        )
    }

    /// The device is another gateway's, at this address; or nobody's at the moment.
    pub(crate) fn elsewhere(at: Option<&str>) -> Self {
        let status = StatusCode::MISDIRECTED_REQUEST;
        match at {
            Some(at) => Self::new(
                status,
                "device-elsewhere",
                &format!("the gateway at {at} has this device; ask there"),
            ),
            None => {
                let text = "no gateway has this device at the moment; one takes it soon";
                let mut problem = Self::new(status, "device-elsewhere", text);
                problem.retry_after = Some(Duration::from_secs(2));
                problem
            }
        }
    }

    /// The state cannot be read or written, so nothing is done.
    pub(crate) fn of_state(error: &Error) -> Self {
        // For whoever runs the gateway; a caller learns no more than he needs.
        eprintln!("berth-serve: {error}");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "state-failed",
            "the gateway cannot read or write its state, and does nothing without",
        )
    }

    /// What cannot be done to the gateway itself.
    pub(crate) fn of_gateway(error: &Error) -> Self {
        let (status, code) = match error {
            Error::Usage(_) => (StatusCode::BAD_REQUEST, "bad-request"),
            Error::Unknown { .. } => (StatusCode::NOT_FOUND, "not-found"),
            Error::Taken { .. } => (StatusCode::CONFLICT, "name-taken"),
            Error::LeaseLost(_) => return Self::elsewhere(None),
            _ => return Self::of_state(error),
        };
        Self::new(status, code, &error.to_string())
    }

    /// Code of the error: one stable word.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// For a page: its status, what happened, and what to do next.
    pub(crate) fn into_parts(self) -> (StatusCode, String, Option<&'static str>) {
        (self.status, self.detail, self.hint)
    }

    /// The same error under another status and text, as WASMICO has it.
    pub(crate) fn into_wasmico(mut self, status: StatusCode, detail: Option<&str>) -> Self {
        self.status = status;
        if let Some(detail) = detail {
            detail.clone_into(&mut self.detail);
        }
        self
    }

    /// Has the device refused?
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.status, StatusCode::CONFLICT | StatusCode::NOT_FOUND)
    }
}

impl From<Failed> for Problem {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Away(why) => {
                let mut problem = Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "device-away",
                    &format!("the device is not there: {why}"),
                );
                problem.retry_after = Some(Duration::from_secs(5));
                problem
            }
            Failed::Full => {
                let mut problem = Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "device-busy",
                    "too many requests wait for this device",
                );
                problem.retry_after = Some(Duration::from_secs(1));
                problem
            }
            Failed::Late => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "timed-out",
                "the device has not answered in time",
            ),
            Failed::Elsewhere(at) => Self::elsewhere(at.as_deref()),
            Failed::Gone => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "device-gone",
                "the device was taken out of the gateway, or the gateway ends",
            ),
            Failed::Device(error) => {
                let status = match &error {
                    berth::Error::Refused(refusal) if refusal.code == "unknown-name" => {
                        StatusCode::NOT_FOUND
                    }
                    berth::Error::Refused(_) => StatusCode::CONFLICT,
                    berth::Error::Usage(_) => StatusCode::BAD_REQUEST,
                    berth::Error::TimedOut { .. } | berth::Error::NotYet { .. } => {
                        StatusCode::GATEWAY_TIMEOUT
                    }
                    _ => StatusCode::BAD_GATEWAY,
                };
                let problem = Self::new(status, error.code(), &error.to_string());
                match error.hint() {
                    Some(hint) => problem.hint(hint),
                    None => problem,
                }
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            code: &self.code,
            detail: &self.detail,
            hint: self.hint,
            message: &self.detail,
            status_code: 1,
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, kind, body).into_response();
        let headers = response.headers_mut();
        if let Some(after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, after.as_secs().max(1).into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // Not `Basic`: a browser would ask its user, and send what he types with every request from then on.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
