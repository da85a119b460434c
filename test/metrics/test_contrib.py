"""The dashboard and the alerts: of metrics that there are, understood by promtool, and firing when they should."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import scrape

RULES = scrape.ROOT / "contrib/prometheus/milter-manager.rules.yml"
DASHBOARD = scrape.ROOT / "contrib/grafana/milter-manager.json"
NAME = re.compile(r"\b(?:milter_manager|process)_[a-z_]+\b")


def reference() -> dict[str, tuple[str, set[str]]]:
    """Name -> type and labels, as the program says."""
    text = subprocess.run([os.environ["MILTER_MANAGER"], "--metrics-reference"], capture_output=True, text=True, check=True).stdout
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    return {name.strip("`"): (kind, set(labels.split(", ")) - {""}) for name, kind, _, labels, _ in rows}


def expressions() -> list[str]:
    board = json.loads(DASHBOARD.read_text())
    found = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    found += [one["definition"] for one in board["templating"]["list"] if one["type"] == "query"]
    found += [one["expr"] for one in board["annotations"]["list"]]
    return found


class Contrib(unittest.TestCase):
    def test_the_rules_are_right(self):
        self.assertIn("SUCCESS: 10 rules found", scrape.promtool("check", "rules", str(RULES)))

    def test_each_alert_fires_when_it_should(self):
        text = (pathlib.Path(__file__).parent / "rules_test.yml").read_text().replace("- RULES", f"- {RULES}")
        alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
        self.assertEqual(len(alerts), 10)
        for alert in alerts:
            firing = re.findall(rf"alertname: {alert}\n +exp_alerts:", text)
            self.assertTrue(firing and re.search(rf"alertname: {alert}}}", text), f"{alert}: no test that it fires, or that it does not")
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            file.write(text)
            file.flush()
            self.assertIn("SUCCESS", scrape.promtool("test", "rules", file.name))

    def test_each_alert_says_what_to_do(self):
        text = RULES.read_text()
        for block in re.split(r"- alert: ", text)[1:]:
            self.assertRegex(block, r'summary: "[^"]{20,}"')
            self.assertRegex(block, r'description: "[^\n]{60,}"')

    def test_what_they_use_is_in_the_table(self):
        table = reference()
        known = set(table)
        for name, (kind, _) in table.items():
            if kind == "histogram":
                known |= {f"{name}_bucket", f"{name}_count", f"{name}_sum"}
        rules = re.findall(r"expr: (.*)", RULES.read_text())
        self.assertGreater(len(expressions()), 20)
        for expression in expressions() + rules:
            unknown = set(NAME.findall(expression)) - known
            self.assertEqual(unknown, set(), expression)
            self.assertTrue(NAME.search(expression) or expression.startswith("up{"), expression)

    def test_labels_are_those_of_the_table(self):
        table = reference()
        always = {"instance", "job", "le"}
        for expression in expressions() + re.findall(r"expr: (.*)", RULES.read_text()):
            allowed = set(always)
            for name in NAME.findall(expression):
                allowed |= table.get(re.sub(r"_(bucket|count|sum)$", "", name), table.get(name, ("", set())))[1]
            used = set(re.findall(r"[{,](\w+)=", expression))
            for group in re.findall(r"(?:by|on) \(([^)]*)\)", expression):
                used |= {one.strip() for one in group.split(",")}
            self.assertLessEqual(used, allowed, expression)

    def test_expressions_of_the_dashboard_are_promql(self):
        groups = [{"record": f"panel:{i}", "expr": expression.replace("$__rate_interval", "5m").replace("$instance", ".*")
                   .replace("$child", ".*").replace("$job", ".*")}
                  for i, expression in enumerate(expressions()) if not expression.startswith("label_values")]
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            json.dump({"groups": [{"name": "dashboard", "rules": groups}]}, file)
            file.flush()
            self.assertIn(f"SUCCESS: {len(groups)} rules found", scrape.promtool("check", "rules", file.name))

    def test_every_metric_that_matters_is_on_the_dashboard(self):
        shown = " ".join(expressions())
        for name in reference():
            self.assertIn(name, shown)


if __name__ == "__main__":
    unittest.main()
