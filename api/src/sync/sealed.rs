//! All that is stored sealed: what cannot be opened with the configured keys, and sealing it again with the newest one.
//!
//! Other processes serve meanwhile, and change rows. So a secret is replaced only where it is still the one that was read,
//! and each row that is touched is stamped, for their mirrors to read again; `updated_at` stays, as nothing has changed that
//! a person could see. What was done stays done: whoever is interrupted begins again and finds less to do.

use ::entity::registry;
use sea_orm::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{QueryOrder, QuerySelect};

use super::{Error, seal_context, webhook_context};
use crate::storage::{Raises, Storage};
use crate::upstream::Address;
use crate::vault::{Vault, VaultError};

/// How many rows are read, and written, at a time: a writer that waits for this one waits for milliseconds.
const ROWS_AT_A_TIME: u64 = 50;

/// How often all rows are looked at before those that others keep changing are left for the next time.
const PASSES: usize = 5;

/// What is stored sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    Password,
    WebhookSecret,
}

/// A secret that cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unopened {
    pub registry: Uuid,
    /// The registry's name.
    pub name: String,
    pub secret: Secret,
    pub cause: VaultError,
}

/// What became of all sealed secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Sealed again with the newest key.
    pub sealed: usize,
    /// Sealed with the newest key before, by whomever.
    pub current: usize,
    /// Changed by others each time, and not known to be sealed with the newest key.
    pub contested: usize,
    pub unopened: Vec<Unopened>,
}

/// The columns of a registry that matter here.
type Row = (Uuid, String, String, Option<Vec<u8>>, Option<Vec<u8>>);

/// A secret to be replaced, as it was read.
pub(super) struct Replacement {
    pub(super) registry: Uuid,
    pub(super) secret: Secret,
    pub(super) old: Vec<u8>,
    pub(super) new: Vec<u8>,
}

impl Secret {
    /// What it is called, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::WebhookSecret => "webhook secret",
        }
    }

    fn column(self) -> registry::Column {
        match self {
            Self::Password => registry::Column::Password,
            Self::WebhookSecret => registry::Column::WebhookSecret,
        }
    }
}

/// All stored secrets that these keys do not open.
pub async fn list_unopened(storage: &Storage, vault: &Vault) -> Result<Vec<Unopened>, Error> {
    let (mut unopened, mut last) = (Vec::new(), None);
    loop {
        let rows = read(storage, last).await?;
        let Some((id, ..)) = rows.last() else { return Ok(unopened) };
        last = Some(*id);
        for (secret, sealed, context, row) in rows.iter().flat_map(secrets) {
            if let Err(cause) = context.and_then(|context| vault.open(sealed, &context)) {
                unopened.push(Unopened { registry: row.0, name: row.1.clone(), secret, cause });
            }
        }
    }
}

/// Seals with the newest key whatever is not. What cannot be opened is left as it is.
pub async fn reseal(storage: &Storage, vault: &Vault) -> Result<Resealed, Error> {
    let mut sealed = 0;
    for _ in 1..PASSES {
        let pass = pass(storage, vault).await?;
        sealed += pass.sealed;
        if pass.contested == 0 {
            return Ok(Resealed { sealed, current: pass.current, ..pass });
        }
    }
    let last = pass(storage, vault).await?;
    Ok(Resealed { sealed: sealed + last.sealed, ..last })
}

async fn pass(storage: &Storage, vault: &Vault) -> Result<Resealed, Error> {
    let (mut done, mut last) = (Resealed::default(), None);
    loop {
        let rows = read(storage, last).await?;
        let Some((id, ..)) = rows.last() else { return Ok(done) };
        last = Some(*id);
        let mut replacements = Vec::new();
        for (secret, old, context, row) in rows.iter().flat_map(secrets) {
            let registry = row.0;
            match context.and_then(|context| Ok((vault.open(old, &context)?, context))) {
                Ok(_) if vault.is_current(old) => done.current += 1,
                Ok((opened, context)) => {
                    let new = vault.seal(&opened, &context);
                    replacements.push(Replacement { registry, secret, old: old.to_vec(), new });
                }
                Err(cause) => done.unopened.push(Unopened { registry, name: row.1.clone(), secret, cause }),
            }
        }
        let replaced = replace(storage, &replacements).await?;
        done.sealed += replaced;
        done.contested += replacements.len() - replaced;
    }
}

/// Replaces what is still as it was read; how much that was.
pub(super) async fn replace(storage: &Storage, replacements: &[Replacement]) -> Result<usize, Error> {
    if replacements.is_empty() {
        return Ok(0);
    }
    let write = storage.write(Raises::Content).await?;
    let mut replaced = 0;
    for Replacement { registry, secret, old, new } in replacements {
        let updated = registry::Entity::update_many()
            .col_expr(secret.column(), Expr::value(new.clone()))
            .col_expr(registry::Column::Version, Expr::value(write.version()))
            .filter(registry::Column::Id.eq(*registry))
            .filter(secret.column().eq(old.clone()))
            .exec(write.tx())
            .await?;
        replaced += usize::from(updated.rows_affected > 0);
    }
    write.commit().await?;
    Ok(replaced)
}

async fn read(storage: &Storage, after: Option<Uuid>) -> Result<Vec<Row>, Error> {
    use registry::Column;
    let mut select = registry::Entity::find()
        .select_only()
        .columns([Column::Id, Column::Name, Column::Address, Column::Password, Column::WebhookSecret])
        .order_by_asc(Column::Id)
        .limit(ROWS_AT_A_TIME);
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after));
    }
    Ok(select.into_tuple().all(storage.connection()).await?)
}

/// What of a row is sealed, and what each is bound to.
fn secrets(row: &Row) -> impl Iterator<Item = (Secret, &[u8], Result<String, VaultError>, &Row)> {
    let (id, _, address, password, webhook_secret) = row;
    let password = password.as_deref().map(|sealed| {
        // An address that is none cannot be what the password is for.
        let context = Address::parse(address).map(|address| seal_context(*id, &address));
        (Secret::Password, sealed, context.map_err(|_| VaultError::Mismatch), row)
    });
    let webhook_secret =
        webhook_secret.as_deref().map(|sealed| (Secret::WebhookSecret, sealed, Ok(webhook_context(*id)), row));
    password.into_iter().chain(webhook_secret)
}
