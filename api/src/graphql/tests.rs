use async_graphql::ContainerType;

use super::*;

/// The bytes that each field of a type takes while it is resolved, those of its heaviest field.
fn weight<'a, T: ContainerType + 'a, F: Future>(_: impl Fn(&'a T, &'a Context<'a>) -> F) -> usize {
    size_of::<F>()
}

/// A list of fifty nodes resolves hundreds of fields at a time, and each is moved about with all that its type's
/// heaviest field may come to hold: what waits for a registry belongs in a box.
#[test]
fn fields_of_listed_types_are_light() {
    let weights = [
        ("Image", weight(image::Image::resolve_field)),
        ("AvailableImageEdge", weight(available_image::AvailableImageEdge::resolve_field)),
        ("Registry", weight(registry::Registry::resolve_field)),
        ("Space", weight(space::Space::resolve_field)),
        ("SpaceBinding", weight(binding::SpaceBinding::resolve_field)),
        ("Workspace", weight(workspace::Workspace::resolve_field)),
        ("Namespace", weight(namespace::Namespace::resolve_field)),
        ("AuditEvent", weight(audit_event::AuditEvent::resolve_field)),
    ];
    assert!(weights.iter().all(|(_, bytes)| *bytes <= 1024), "{weights:?}");
}
