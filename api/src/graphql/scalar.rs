//! The scalars of the graph.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{SecondsFormat, Utc};

#[derive(Clone, Copy, Debug)]
pub(super) struct DateTime(pub(super) chrono::DateTime<Utc>);

/// A moment: RFC 3339, in UTC, with milliseconds, such as `2026-11-21T09:30:00.000Z`.
#[Scalar(name = "DateTime", specified_by_url = "https://scalars.graphql.org/andimarek/date-time.html")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => chrono::DateTime::parse_from_rfc3339(text)
                .map(|moment| Self(moment.with_timezone(&Utc)))
                .map_err(|_| InputValueError::custom("is not a moment as RFC 3339 writes it")),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Url(pub(super) String);

/// An absolute `http` or `https` URL, such as `https://harbor.example.com`.
#[Scalar(name = "URL", specified_by_url = "https://url.spec.whatwg.org/")]
impl ScalarType for Url {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            // What is wrong with an address is said by the service, with the field's name.
            Value::String(text) => Ok(Self(text)),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

#[derive(Clone, Debug)]
pub(super) struct Digest(pub(super) String);

/// The digest of an artifact, `algorithm:hex`, such as `sha256:9f86d0…`.
#[Scalar(name = "Digest")]
impl ScalarType for Digest {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) if crate::service::name::is_digest(&text) => Ok(Self(text)),
            Value::String(_) => Err(InputValueError::custom("is not a digest, `algorithm:hex`")),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct ByteCount(pub(super) i64);

/// A size in whole bytes: a JSON number, exact to 2^53.
#[Scalar(name = "ByteCount")]
impl ScalarType for ByteCount {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => {
                number.as_i64().map(Self).ok_or_else(|| InputValueError::custom("is not a whole number"))
            }
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::from(self.0)
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Long(pub(super) i64);

/// A count that may pass 2^31: a JSON number, exact to 2^53.
#[Scalar(name = "Long")]
impl ScalarType for Long {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => {
                number.as_i64().map(Self).ok_or_else(|| InputValueError::custom("is not a whole number"))
            }
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::from(self.0)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Json(pub(super) serde_json::Value);

/// Any JSON value.
#[Scalar(name = "JSON")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        value.into_json().map(Self).map_err(|_| InputValueError::custom("is not JSON"))
    }

    fn to_value(&self) -> Value {
        // There is no JSON that a value of the graph cannot hold.
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}

/// A count as GraphQL's `Int` holds it; what is larger shows as the largest.
pub(super) fn int(count: impl TryInto<i32>) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}
