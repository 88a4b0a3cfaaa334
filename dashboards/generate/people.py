"""The rows about users and courses, whose walks are off by default."""

from dashboards.generate.panels import (
    BLUE,
    ORANGE,
    VERMILLION,
    Column,
    Query,
    Row,
    bars,
    lines,
    stat,
    table,
)
from dashboards.generate.queries import of, site, total
from dashboards.generate.reading import SITE_COLUMNS

_NO_USERS = "users are switched off (poll.users_interval), or no walk was whole yet"
_NO_COURSES = "courses are switched off (poll.courses_interval), or no walk was whole yet"

USERS = Row(
    "Users",
    8,
    (
        stat(
            "Users",
            "Users that the API lists, over all integrations, as the last whole walk found them.",
            "locale",
            total(of("isnotai_users")),
            width=4,
            empty=_NO_USERS,
        ),
        stat(
            "With bot sessions",
            "Users with at least one bot session, and their share of all users.",
            "percentunit",
            f"{total(of('isnotai_users_with_bot_sessions'))} / ({total(of('isnotai_users'))} > 0)",
            width=4,
            decimals=1,
            empty=_NO_USERS,
        ),
        lines(
            "Users over time",
            "Users with at least one bot session, and users with two devices or more.",
            "locale",
            Query(total(of("isnotai_users_with_bot_sessions")), "with bot sessions", VERMILLION),
            Query(total(of("isnotai_users_multi_device")), "with several devices", ORANGE),
            width=6,
            empty=_NO_USERS,
        ),
        bars(
            "Users by risk",
            "Users by the API's own risk level.",
            "locale",
            Query(
                f"sort_desc({total(of('isnotai_users_by_risk'), 'risk_level')})",
                "{{risk_level}}",
                instant=True,
            ),
            width=4,
            empty=_NO_USERS,
        ),
        lines(
            "Highest bot score",
            "The highest bot score that half of the users, and nine in ten, do not exceed; 0.7 "
            "and above is what the API calls a bot.",
            "none",
            *(
                Query(
                    f"histogram_quantile({share}, {total(of('isnotai_user_max_bot_score'), 'le')})",
                    name,
                    colour,
                )
                for share, name, colour in ((0.5, "half", BLUE), (0.9, "nine in ten", ORANGE))
            ),
            width=6,
            minimum=0,
            maximum=1,
            empty=_NO_USERS,
        ),
    ),
    needs="isnotai_users",
)

COURSES = Row(
    "Courses",
    8,
    (
        stat(
            "Courses",
            "Courses that the API lists, over all integrations.",
            "locale",
            total(of("isnotai_courses")),
            width=6,
            empty=_NO_COURSES,
        ),
        table(
            "Numbers of the courses",
            "Every number in the items of /v1/courses, named by its path and summed over all "
            "courses; what each means is the vendor's.",
            (*SITE_COLUMNS, ("stat", "Stat")),
            Column("Sum", site(of("isnotai_course_stats"), "stat"), "short"),
            width=18,
            empty=_NO_COURSES,
        ),
    ),
    needs="isnotai_courses",
)
