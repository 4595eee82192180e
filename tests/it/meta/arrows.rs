//! Which module of `api` may know of which: a table, compared with what the sources import.
//!
//! Values go down as arguments and up as returns; nobody reaches back. A new arrow is a decision: it needs a row here, and
//! a sentence in ARCHITECTURE.md.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::workspace;

/// The modules of the crate that each may import, from the top of the stack to its bottom.
const MODULES: [(&str, &[&str]); 20] = [
    ("main", &["cli"]),
    ("cli", &["app", "auth", "clock", "config", "telemetry"]),
    (
        "app",
        &[
            "auth", "catalog", "config", "graphql", "http", "jwks", "metrics", "mirror", "service", "storage", "sync",
            "upstream", "vault",
        ],
    ),
    ("http", &["auth", "config", "graphql", "metrics"]),
    ("graphql", &["auth", "catalog", "clock", "service", "upstream"]),
    ("service", &["auth", "catalog", "clock", "mirror", "storage", "sync", "upstream", "vault"]),
    ("sync", &["catalog", "clock", "metrics", "mirror", "storage", "upstream", "vault"]),
    ("mirror", &["catalog", "storage"]),
    ("storage", &["clock"]),
    ("metrics", &[]),
    ("catalog", &[]),
    ("upstream", &[]),
    ("auth", &["clock"]),
    ("jwks", &["auth"]),
    ("config", &["auth", "clock", "jwks", "upstream", "vault"]),
    ("telemetry", &["config"]),
    ("fuzzing", &["catalog", "graphql", "service", "upstream"]),
    ("vault", &[]),
    ("clock", &[]),
    ("lib", &[]),
];

/// Crates that only these modules may import.
const CRATES: [(&str, &[&str]); 10] = [
    ("axum", &["http"]),
    ("tower_http", &["http"]),
    ("async_graphql", &["graphql", "http"]),
    ("reqwest", &["jwks", "upstream"]),
    ("sea_orm", &["app", "mirror", "service", "storage", "sync"]),
    ("entity", &["app", "graphql", "mirror", "service", "storage", "sync"]),
    ("migration", &["storage"]),
    ("jsonwebtoken", &["auth"]),
    ("chacha20poly1305", &["vault"]),
    ("prometheus_client", &["metrics"]),
];

/// What each module imports, with the first file that does.
type Arrows = BTreeMap<(String, String), String>;

#[test]
fn modules_import_what_the_table_allows() {
    let (arrows, modules) = found();
    let mut wrong = Vec::new();
    for ((from, to), file) in &arrows {
        let is_allowed = match to.strip_prefix("crate::") {
            Some(module) => MODULES.iter().any(|(name, allowed)| name == from && allowed.contains(&module)),
            None => CRATES.iter().any(|(name, allowed)| name == to && allowed.contains(&from.as_str())),
        };
        if !is_allowed {
            wrong.push(format!("`{from}` must not know `{to}` ({file})"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let listed: BTreeSet<&str> = MODULES.iter().map(|(name, _)| *name).collect();
    let unlisted: Vec<&String> = modules.iter().filter(|module| !listed.contains(module.as_str())).collect();
    assert!(unlisted.is_empty(), "modules without a row: {unlisted:?}");
}

#[test]
fn the_table_allows_nothing_that_is_not_there() {
    let (arrows, _) = found();
    let mut idle = Vec::new();
    for (from, allowed) in MODULES {
        let all = allowed.iter().map(|to| (from.to_owned(), format!("crate::{to}")));
        // The program calls the crate by its name.
        idle.extend(all.filter(|arrow| from != "main" && !arrows.contains_key(arrow)));
    }
    for (name, modules) in CRATES {
        let all = modules.iter().map(|from| ((*from).to_owned(), name.to_owned()));
        idle.extend(all.filter(|arrow| !arrows.contains_key(arrow)));
    }
    assert!(idle.is_empty(), "these can go from the table: {idle:?}");
}

#[test]
fn imports_in_every_form_are_found() {
    let text = "use crate::{a, b::{C, d}, e::F};\n// use crate::comment;\nlet x = crate::g::h();\nuse ::entity::x;\n\
                use sea_orm::{A, B};\nlet y = other::sea_orm_like::z();\n#[cfg(test)]\nmod tests { use crate::test_only; }";
    let found: Vec<String> = imports(text).into_iter().collect();
    assert_eq!(found, ["crate::a", "crate::b", "crate::e", "crate::g", "entity", "sea_orm"]);
}

/// All arrows of the crate, and its modules.
fn found() -> (Arrows, BTreeSet<String>) {
    let root = workspace("api/src");
    let (mut arrows, mut modules) = (Arrows::new(), BTreeSet::new());
    visit(&root, &mut |file| {
        let path = file.strip_prefix(&root).expect("a file lies below the folder it was found in");
        let first = path.components().next().expect("a file has a name").as_os_str().to_string_lossy();
        let module = first.trim_end_matches(".rs").to_owned();
        let text = std::fs::read_to_string(file).expect("a source file can be read");
        for import in imports(&text) {
            // Its own modules are a module's own business.
            if import != format!("crate::{module}") {
                let shown = path.display().to_string();
                arrows.entry((module.clone(), import)).or_insert(shown);
            }
        }
        modules.insert(module);
    });
    assert!(modules.len() > 5, "{modules:?}");
    (arrows, modules)
}

/// Calls `each` with all source files but those of tests.
fn visit(folder: &Path, each: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).expect("a source folder can be read") {
        let path = entry.expect("a source folder can be read").path();
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests" || stem == "testing");
        if path.is_dir() && !is_test {
            visit(&path, each);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
            each(&path);
        }
    }
}

/// The modules of the crate, and the crates of the table, that a file names outside comments and tests.
fn imports(text: &str) -> BTreeSet<String> {
    // Unit tests stand at the end of a file.
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let text: String =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect();
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let names = if let Some(group) = rest.strip_prefix('{') { names_of_group(group) } else { vec![name(rest)] };
        found.extend(names.into_iter().filter(|name| !name.is_empty()).map(|name| format!("crate::{name}")));
    }
    for (crate_name, _) in CRATES {
        let is_named = text.match_indices(&format!("{crate_name}::")).any(|(at, _)| {
            // `::entity::x` names the crate, `catalog::entity::x` does not.
            let before = text[..at].trim_end_matches("::");
            let is_path = before.len() < at && before.ends_with(|last: char| last.is_alphanumeric() || last == '_');
            !is_path && !text[..at].ends_with(|last: char| last.is_alphanumeric() || last == '_')
        });
        if is_named {
            found.insert(crate_name.to_owned());
        }
    }
    found
}

/// The first names of the paths in `a, b::{C, d}, e::F}…`.
fn names_of_group(group: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut names) = (0_usize, 0, Vec::new());
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(name(group[begin..at].trim_start()));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(name(group[begin..at].trim_start()));
                begin = at + 1;
            }
            _ => {}
        }
    }
    names
}

/// The lower-case name that a path begins with: a module's, for types and macros of the crate's root are no modules.
fn name(path: &str) -> &str {
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(path.len());
    let name = &path[..end];
    if name.starts_with(char::is_lowercase) { name } else { "" }
}
