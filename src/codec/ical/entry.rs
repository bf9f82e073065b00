//! Short ways into calcard's components: children, and the values of a property.

use calcard::icalendar::{ICalendar, ICalendarComponent, ICalendarEntry};

/// The components directly inside `parent`.
pub(super) fn children<'a>(
    calendar: &'a ICalendar,
    parent: &'a ICalendarComponent,
) -> impl Iterator<Item = &'a ICalendarComponent> {
    parent
        .component_ids
        .iter()
        .filter_map(|id| calendar.components.get(usize::try_from(*id).ok()?))
}

/// The text of a property, unescaped; None where it is empty. calcard splits unknown properties at semicolons, which
/// are put back.
pub(super) fn text(entry: &ICalendarEntry) -> Option<String> {
    let parts: Vec<_> = entry
        .values
        .iter()
        .filter_map(|value| value.as_text())
        .collect();
    let text = parts.join(";");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The text of a property that calcard has no name for; names have no case.
pub(super) fn x_property(component: &ICalendarComponent, name: &str) -> Option<String> {
    component
        .entries
        .iter()
        .find(|entry| entry.name.as_str().eq_ignore_ascii_case(name))
        .and_then(text)
}
