//! A half-open stretch of time, in UTC.

use jiff::{SignedDuration, Timestamp};

/// `[start, end)` in UTC; `start < end` by construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimeWindow {
    start: Timestamp,
    end: Timestamp,
}

/// A window whose end does not lie after its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the window ends before or where it starts")]
pub struct EmptyWindow;

impl TimeWindow {
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self, EmptyWindow> {
        if start < end {
            Ok(Self { start, end })
        } else {
            Err(EmptyWindow)
        }
    }

    pub fn start(&self) -> Timestamp {
        self.start
    }

    pub fn end(&self) -> Timestamp {
        self.end
    }

    pub fn duration(&self) -> SignedDuration {
        self.end.duration_since(self.start)
    }

    /// Whether something from `start` to `end` belongs to this window: `start < window end` and `end > window start`;
    /// something of no length belongs to it where it lies inside, the window's start included.
    pub fn touches(&self, start: Timestamp, end: Timestamp) -> bool {
        start < self.end && (end > self.start || (start == end && start == self.start))
    }

    /// Start and end in whole seconds of Unix time, rounded outwards.
    pub fn seconds(&self) -> (i64, i64) {
        let start = self.start.as_second() - i64::from(self.start.subsec_nanosecond() < 0);
        (
            start,
            self.end.as_second() + i64::from(self.end.subsec_nanosecond() > 0),
        )
    }

    pub fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The smallest window of whole UTC days that contains this one.
    #[must_use]
    pub fn whole_days(&self) -> Self {
        const DAY: i64 = 86_400;
        let (start, end) = self.seconds();
        let start = start.div_euclid(DAY) * DAY;
        let end = (end + DAY - 1).div_euclid(DAY) * DAY;
        Self {
            start: Timestamp::from_second(start).map_or(self.start, |start| start.min(self.start)),
            end: Timestamp::from_second(end).map_or(self.end, |end| end.max(self.end)),
        }
    }

    /// The same window in pieces of at most `longest`, in order, without gaps.
    pub fn split(&self, longest: SignedDuration) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut start = self.start;
        while start < self.end {
            let end = start
                .checked_add(longest)
                .map_or(self.end, |end| end.min(self.end));
            if end <= start {
                break;
            }
            pieces.push(Self { start, end });
            start = end;
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn window() -> TimeWindow {
        TimeWindow::new(at("2026-09-01T08:00Z"), at("2026-09-01T18:00Z")).unwrap()
    }

    #[test]
    fn a_window_is_never_empty() {
        let t = at("2026-09-01T08:00Z");
        assert_eq!(TimeWindow::new(t, t), Err(EmptyWindow));
    }

    #[test]
    fn neighbours_do_not_touch_and_points_inside_do() {
        let w = window();
        assert!(!w.touches(at("2026-09-01T07:00Z"), w.start()));
        assert!(!w.touches(w.end(), at("2026-09-01T19:00Z")));
        assert!(w.touches(at("2026-08-01T00:00Z"), at("2026-10-01T00:00Z")));
        assert!(w.touches(at("2026-09-01T12:00Z"), at("2026-09-01T12:00Z")));
        assert!(w.touches(w.start(), w.start()));
        assert!(!w.touches(w.end(), w.end()));
    }

    #[test]
    fn whole_days_contain_the_window_and_no_more() {
        let days = window().whole_days();
        assert_eq!(
            (days.start(), days.end()),
            (at("2026-09-01T00:00Z"), at("2026-09-02T00:00Z"))
        );
        assert_eq!(days.whole_days(), days);
        let odd = TimeWindow::new(at("1969-12-31T23:59:59.5Z"), at("1970-01-01T00:00:00.5Z"))
            .unwrap()
            .whole_days();
        assert_eq!(
            (odd.start(), odd.end()),
            (at("1969-12-31T00:00Z"), at("1970-01-02T00:00Z"))
        );
        let edge = TimeWindow::new(Timestamp::MIN, Timestamp::MAX).unwrap();
        assert_eq!(edge.whole_days(), edge);
    }

    #[test]
    fn pieces_cover_the_window_exactly() {
        let pieces = window().split(SignedDuration::from_hours(4));
        assert_eq!(pieces.len(), 3);
        assert_eq!(pieces[0].start(), window().start());
        assert_eq!(pieces[2].end(), window().end());
        assert!(pieces.windows(2).all(|p| p[0].end() == p[1].start()));
    }
}
