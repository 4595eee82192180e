//! The command line: what may be typed, and which function of [`app`] does it.

use std::{collections::BTreeMap, error::Error, io::Write, time::Duration};

use chrono::TimeDelta;
use clap::{Args, Parser, Subcommand};

use crate::{
    app,
    auth::{Grant, Role, mint},
    clock,
    config::{
        DatabaseOptions, DevSecrets, EncryptionOptions, JwtOptions, LogFormat, LogOptions, Options, parse_duration,
    },
    telemetry,
};

/// What goes wrong at the top is only shown.
pub type CliError = Box<dyn Error + Send + Sync>;

/// One GraphQL graph in front of all the container registries of a platform.
#[derive(Debug, Parser)]
#[command(name = "fairway", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the graph
    Serve(Box<Serve>),
    /// Change the tables of the database, or tell how they stand
    Migrate(Migrate),
    /// Seal all stored secrets with the newest encryption key, while Fairway serves
    RotateKeys(RotateKeys),
    /// Print the graph's schema
    Schema(Schema),
    /// Print a token, for development or for the first Admin
    Token(Token),
}

#[derive(Args, Debug)]
struct Serve {
    /// Try it out: a database file with its secrets beside it, an Admin's token filled in on the page,
    /// loopback only
    #[arg(long)]
    dev: bool,
    #[command(flatten)]
    options: Options,
}

#[derive(Args, Debug)]
struct Migrate {
    #[arg(value_enum)]
    migration: app::Migration,
    #[command(flatten)]
    database: DatabaseOptions,
    #[command(flatten)]
    log: LogOptions,
}

#[derive(Args, Debug)]
struct RotateKeys {
    #[command(flatten)]
    database: DatabaseOptions,
    #[command(flatten)]
    encryption: EncryptionOptions,
    #[command(flatten)]
    log: LogOptions,
}

#[derive(Args, Debug)]
struct Schema {
    /// As a subgraph of Apollo Federation 2, for whoever composes it with others
    #[arg(long)]
    federation: bool,
}

#[derive(Args, Debug)]
struct Token {
    /// The token's `sub`
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    subject: String,
    /// A name to show
    #[arg(long)]
    name: Option<String>,
    /// An Admin of the platform
    #[arg(long)]
    admin: bool,
    /// A role in a workspace: viewer, editor or admin; may be given several times
    #[arg(long = "workspace", value_name = "NAME=ROLE", value_parser = membership)]
    workspaces: Vec<(String, Role)>,
    /// How long the token is good
    #[arg(long, default_value = "12h", value_parser = parse_duration)]
    expires_in: Duration,
    #[command(flatten)]
    jwt: JwtOptions,
}

fn membership(text: &str) -> Result<(String, Role), &'static str> {
    let (workspace, role) = text.split_once('=').ok_or("must be NAME=ROLE, such as payments=admin")?;
    let role = Role::find(role).ok_or("the role must be viewer, editor or admin")?;
    if workspace.is_empty() { Err("the workspace needs a name") } else { Ok((workspace.to_owned(), role)) }
}

impl Cli {
    /// Does what was asked for. Results go to standard output, the log to standard error.
    pub async fn run(self) -> Result<(), CliError> {
        match self.command {
            Command::Serve(serve) => {
                let config = if serve.dev {
                    let secrets = DevSecrets::load_or_create(&serve.options.database.url())?;
                    serve.options.into_dev_config(&secrets)?
                } else {
                    serve.options.into_config()?
                };
                telemetry::init(&config.log, config.log_format)?;
                Ok(app::serve(config).await?)
            }
            Command::Migrate(migrate) => {
                let (filter, format): (String, LogFormat) = migrate.log.into_parts()?;
                telemetry::init(&filter, format)?;
                let report = app::migrate(&migrate.database.into_url()?, migrate.migration).await?;
                print(&report)
            }
            Command::RotateKeys(rotation) => {
                let (filter, format): (String, LogFormat) = rotation.log.into_parts()?;
                telemetry::init(&filter, format)?;
                let keys = rotation.encryption.into_keys()?;
                let rotated = app::rotate_keys(&rotation.database.into_url()?, &keys).await?;
                print(&rotated.to_string())?;
                Ok(rotated.check()?)
            }
            Command::Schema(schema) if schema.federation => print(app::subgraph()),
            Command::Schema(_) => print(&app::schema()),
            Command::Token(token) => print(&(token.mint()? + "\n")),
        }
    }
}

impl Token {
    fn mint(self) -> Result<String, CliError> {
        let (secret, config) = self.jwt.into_signing()?;
        let grant = Grant {
            subject: self.subject,
            name: self.name,
            is_admin: self.admin,
            memberships: self.workspaces.into_iter().collect::<BTreeMap<_, _>>(),
            expires_at: clock::now() + TimeDelta::from_std(self.expires_in)?,
        };
        Ok(mint(&secret, &config, &grant))
    }
}

fn print(text: &str) -> Result<(), CliError> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads has seen enough, as in `fairway schema | head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clap::CommandFactory;

    use super::*;
    use crate::auth::{JwtKey, OneKey, Verifier};

    fn parse(line: &str) -> Result<Cli, clap::error::ErrorKind> {
        Cli::try_parse_from(line.split_whitespace()).map_err(|error| error.kind())
    }

    #[test]
    fn the_definition_holds() {
        Cli::command().debug_assert();
    }

    #[test]
    fn commands_are_understood() {
        for line in [
            "fairway serve --dev --listen 127.0.0.1:0",
            "fairway serve --introspection always --log-format json",
            "fairway serve --metrics-listen 127.0.0.1:9090 --public-url https://fairway.example",
            "fairway migrate up",
            "fairway migrate status --database-url sqlite://x.db",
            "fairway rotate-keys --database-url sqlite://x.db",
            "fairway serve --allow-missing-keys",
            "fairway serve --allow-missing-keys=false --dev",
            "fairway schema",
            "fairway schema --federation",
            "fairway token --subject u-17 --workspace payments=admin --workspace shop=viewer",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
        for line in [
            "fairway migrate",
            "fairway migrate sideways",
            "fairway token",
            "fairway token --subject u --workspace payments",
            "fairway token --subject u --workspace payments=owner",
            "fairway token --subject u --workspace =admin",
            "fairway token --subject u --expires-in never",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn tokens_say_what_was_asked() {
        let secret = "s".repeat(32);
        let line = format!(
            "fairway token --subject u-17 --admin --workspace payments=editor --expires-in 1h --jwt-secret {secret}"
        );
        let Ok(Cli { command: Command::Token(token) }) = parse(&line) else { panic!("a token command") };
        let (secret, config) = token.jwt.clone().into_signing().unwrap();
        let key = OneKey::from(JwtKey::from_secret(&secret).unwrap());
        let viewer = Verifier::new(&config, Arc::new(key)).verify(&token.mint().unwrap()).unwrap();
        assert!(viewer.is_admin && viewer.subject == "u-17" && viewer.role_in("payments") == Some(Role::Editor));
    }
}
