//! Short ways into calcard's components: children, and the values of a property.

use calcard::icalendar::{ICalendar, ICalendarComponent, ICalendarEntry, ICalendarParameterName};

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

/// Who a CAL-ADDRESS is: the common name, else the address.
pub(super) fn person(entry: &ICalendarEntry) -> Option<String> {
    common_name(entry).or_else(|| {
        let address = text(entry)?;
        let scheme = address.get(..7).unwrap_or_default();
        let bare = if scheme.eq_ignore_ascii_case("mailto:") {
            address.get(7..)?
        } else {
            &address
        };
        (!bare.is_empty()).then(|| bare.to_owned())
    })
}

/// The parameter CN, with the escapes of RFC 6868 undone; None where it says nothing.
pub(super) fn common_name(entry: &ICalendarEntry) -> Option<String> {
    let written = entry.parameter(&ICalendarParameterName::Cn)?.as_text()?;
    let mut name = String::with_capacity(written.len());
    let mut characters = written.trim().chars().peekable();
    while let Some(character) = characters.next() {
        let escaped = match (character, characters.peek()) {
            ('^', Some('^')) => Some('^'),
            ('^', Some('\'')) => Some('"'),
            ('^', Some('n')) => Some(' '),
            _ => None,
        };
        name.push(escaped.unwrap_or(character));
        if escaped.is_some() {
            characters.next();
        }
    }
    (!name.is_empty()).then_some(name)
}

/// A property that calcard has no name for; names have no case.
pub(super) fn x_entry<'a>(
    component: &'a ICalendarComponent,
    name: &str,
) -> Option<&'a ICalendarEntry> {
    component
        .entries
        .iter()
        .find(|entry| entry.name.as_str().eq_ignore_ascii_case(name))
}

/// The text of a property that calcard has no name for; names have no case.
pub(super) fn x_property(component: &ICalendarComponent, name: &str) -> Option<String> {
    x_entry(component, name).and_then(text)
}
