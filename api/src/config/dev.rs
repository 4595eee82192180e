//! The secrets of `serve --dev`: made once, kept beside the `SQLite` file, readable by its owner alone.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use thiserror::Error;

use crate::vault::Key;

/// What a developer need not think about.
#[derive(Clone, Debug)]
pub struct DevSecrets {
    pub jwt_secret: SecretString,
    pub encryption_key: Key,
}

/// Why there are no such secrets.
#[derive(Debug, Error)]
pub enum DevError {
    #[error("--dev works with a sqlite:// database alone")]
    NotSqlite,
    #[error("cannot read or write `{}`", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` does not hold the secrets that --dev keeps there; remove it to begin anew", path.display())]
    Content { path: PathBuf },
}

impl DevSecrets {
    /// New secrets, kept nowhere.
    #[must_use]
    pub fn generate() -> Self {
        // A key is 32 random bytes in text, which is what a secret needs.
        Self { jwt_secret: Key::generate().to_base64(), encryption_key: Key::generate() }
    }

    /// The secrets kept beside this database; made at the first time. A database in memory has none that last.
    pub fn load_or_create(database_url: &SecretString) -> Result<Self, DevError> {
        let Some(path) = path_beside(database_url.expose_secret())? else {
            return Ok(Self::generate());
        };
        match fs::read_to_string(&path) {
            Ok(text) => Self::from_json(&text).ok_or(DevError::Content { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secrets = Self::generate();
                write_private(&path, &secrets.to_json()).map_err(|source| DevError::File { path, source })?;
                Ok(secrets)
            }
            Err(source) => Err(DevError::File { path, source }),
        }
    }

    fn from_json(text: &str) -> Option<Self> {
        let kept: Value = serde_json::from_str(text).ok()?;
        let jwt_secret = kept["jwtSecret"].as_str()?;
        STANDARD.decode(jwt_secret).ok().filter(|bytes| bytes.len() == 32)?;
        let encryption_key = Key::from_base64(kept["encryptionKey"].as_str()?).ok()?;
        Some(Self { jwt_secret: jwt_secret.into(), encryption_key })
    }

    fn to_json(&self) -> String {
        let kept = json!({
            "jwtSecret": self.jwt_secret.expose_secret(),
            "encryptionKey": self.encryption_key.to_base64().expose_secret(),
        });
        format!("{kept:#}\n")
    }
}

/// `sqlite://dir/fairway.db?mode=rwc` → `dir/fairway.dev.json`.
fn path_beside(url: &str) -> Result<Option<PathBuf>, DevError> {
    let file = url.strip_prefix("sqlite:").ok_or(DevError::NotSqlite)?;
    let file = file.strip_prefix("//").unwrap_or(file);
    let file = file.split_once('?').map_or(file, |(file, _)| file);
    if file.is_empty() || file.contains(":memory:") {
        return Ok(None);
    }
    Ok(Some(Path::new(file).with_extension("dev.json")))
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
