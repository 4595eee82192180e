//! What is wrong with a configuration, all of it at once.

use std::fmt;

use thiserror::Error;

/// One thing to mend. Never holds a secret's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub variable: &'static str,
    pub message: String,
}

/// All that was found; shown one on a line, by variable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Error)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, variable: &'static str, message: impl Into<String>) {
        self.0.push(Problem { variable, message: message.into() });
    }

    /// The value read by `parse`, or the default when there is none. What cannot be read becomes a problem, and is
    /// answered with the default so that the rest can be looked at.
    pub(super) fn read<T, E: fmt::Display>(
        &mut self,
        variable: &'static str,
        value: Option<&str>,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> T {
        match value.map(parse) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                self.add(variable, error.to_string());
                default
            }
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used:")?;
        for Problem { variable, message } in &self.0 {
            write!(f, "\n  {variable}: {message}")?;
        }
        Ok(())
    }
}
