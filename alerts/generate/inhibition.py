"""Which alert makes which other superfluous, for Alertmanager's `inhibit_rules`.

Grafana's own Alertmanager is given none by file; what matters most there is in the expressions
themselves, which leave an unreachable API to its own alert.
"""

from typing import Any

from exporter.backtest.evaluate import SITE_LABELS


def _rule(source: str, target: str, *equal: str) -> dict[str, Any]:
    return {
        "source_matchers": [f'alertname =~ "{source}"'],
        "target_matchers": [f'alertname =~ "{target}"'],
        "equal": list(equal),
    }


INHIBIT_RULES = [
    # Where no request is answered, what is late or fails is an effect.
    _rule(
        "NotAIApiUnreachable|NotAIKeyRefused",
        "NotAIPollErrorBudgetBurns.+|NotAIFrontierBehind|NotAIDataStale",
        *SITE_LABELS,
    ),
    # One key of several that is refused stops no sessions.
    _rule("NotAIApiUnreachable", "NotAISessionsStopped", *SITE_LABELS),
    # What nobody polls is late, and only its poller exports that it is up.
    _rule("NotAINobodyPolls", "NotAIIntegrationGone|NotAIFrontierBehind", *SITE_LABELS),
    # A stronger alert on bots says what the weaker ones say.
    _rule(
        "NotAIBotShareSpike", "NotAIBotShareRaised|NotAIBotShareHint|NotAIFlagSurge", *SITE_LABELS
    ),
    _rule("NotAIBotShareRaised", "NotAIBotShareHint", *SITE_LABELS),
    _rule(
        "NotAIPollErrorBudgetBurnsFast", "NotAIPollErrorBudgetBurns(Slowly|Steadily)", *SITE_LABELS
    ),
    _rule("NotAIPollErrorBudgetBurnsSlowly", "NotAIPollErrorBudgetBurnsSteadily", *SITE_LABELS),
    _rule("NotAIQuotaExhausted", "NotAIQuotaForecast", *SITE_LABELS, "metric"),
]
