// Rule-engine runs Prometheus rule files over past samples, with Prometheus' own engine.
//
// It reads samples on an even grid from a file, evaluates each group's rules at its interval, and
// prints when each alert fired, as JSON. Each rule is one range query over the whole time, in the
// order in which rules need each other: that gives what evaluating all rules at each instant gives,
// hundreds of times as fast. It opens no port and writes nothing else.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"os"
	"regexp"
	"sort"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// Input says what the samples' file holds: for each series as many little-endian doubles as there
// are samples; NaN is no sample.
type input struct {
	Start  int64               `json:"start"` // milliseconds
	Step   int64               `json:"step"`  // milliseconds
	Count  int                 `json:"count"`
	Series []map[string]string `json:"series"`
}

// Firing is one alert, from when to when it fired (milliseconds, the end excluded).
type firing struct {
	Alert  string            `json:"alert"`
	Labels map[string]string `json:"labels"`
	Start  int64             `json:"start"`
	End    int64             `json:"end"`
	Value  float64           `json:"value"` // at its start
}

type task struct {
	rule     rulefmt.Rule
	interval time.Duration
	expr     parser.Expr
	needs    map[string]bool
}

func main() {
	description := flag.String("input", "", "JSON: start, step, count, series")
	samples := flag.String("samples", "", "the series' values, as doubles")
	record := flag.String("show", "", "print the recorded series of names that match, too")
	timing := flag.Bool("timing", false, "say on stderr how long each rule took")
	templates := flag.Bool("templates", false, "execute Grafana's templates from stdin instead")
	flag.Parse()
	if *templates {
		if err := render(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "rule-engine:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(*description, *samples, *record, *timing, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "rule-engine:", err)
		os.Exit(1)
	}
}

func run(description, samples, show string, timing bool, files []string) error {
	store, given, err := read(description, samples)
	if err != nil {
		return err
	}
	tasks, err := ordered(files)
	if err != nil {
		return err
	}
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples:           math.MaxInt32,
		Timeout:              time.Hour,
		LookbackDelta:        5 * time.Minute,
		EnableAtModifier:     true,
		EnableNegativeOffset: true,
		NoStepSubqueryIntervalFn: func(int64) int64 {
			return time.Minute.Milliseconds()
		},
		Parser: parser.NewParser(parser.Options{}),
	})
	start := time.UnixMilli(given.Start)
	end := start.Add(time.Duration(given.Step*int64(given.Count-1)) * time.Millisecond)
	fired := []firing{}
	for _, it := range tasks {
		began := time.Now()
		matrix, err := evaluate(engine, store, it, start, end)
		if err != nil {
			return fmt.Errorf("%s%s: %w", it.rule.Record, it.rule.Alert, err)
		}
		if it.rule.Record != "" {
			store.add(it.rule.Record, it.rule.Labels, matrix, it.interval, end)
		} else {
			fired = append(fired, follow(it, matrix, end)...)
		}
		if timing {
			fmt.Fprintf(os.Stderr, "%7.2f s  %s%s\n", time.Since(began).Seconds(), it.rule.Record, it.rule.Alert)
		}
	}
	shown := []recorded{}
	if show != "" {
		wanted, err := regexp.Compile("^(?:" + show + ")$")
		if err != nil {
			return err
		}
		shown = store.matching(wanted)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"firings": fired, "series": shown})
}

func read(description, samples string) (*memory, input, error) {
	var given input
	text, err := os.ReadFile(description)
	if err != nil {
		return nil, given, err
	}
	if err := json.Unmarshal(text, &given); err != nil {
		return nil, given, fmt.Errorf("%s: %w", description, err)
	}
	raw, err := os.ReadFile(samples)
	if err != nil {
		return nil, given, err
	}
	if len(raw) != 8*given.Count*len(given.Series) {
		return nil, given, fmt.Errorf("%s: %d bytes are not %d series of %d samples", samples, len(raw), len(given.Series), given.Count)
	}
	store := &memory{}
	for number, names := range given.Series {
		one := &series{labels: labels.FromMap(names)}
		there := false
		for at := range given.Count {
			bits := binary.LittleEndian.Uint64(raw[8*(number*given.Count+at):])
			v := math.Float64frombits(bits)
			when := given.Start + int64(at)*given.Step
			if !math.IsNaN(v) {
				one.append(when, v)
				there = true
			} else if there {
				one.append(when, math.Float64frombits(value.StaleNaN))
				there = false
			}
		}
		store.put(one)
	}
	return store, given, nil
}

// ordered reads the rules and puts each behind those whose results it reads.
func ordered(files []string) ([]task, error) {
	promql := parser.NewParser(parser.Options{})
	waiting := []task{}
	records := map[string]bool{}
	for _, file := range files {
		groups, errs := rulefmt.ParseFile(file, false, model.UTF8Validation, promql, slog.Default())
		if len(errs) > 0 {
			return nil, fmt.Errorf("%s: %w", file, errs[0])
		}
		for _, group := range groups.Groups {
			interval := time.Duration(group.Interval)
			if interval == 0 {
				interval = time.Minute
			}
			for _, rule := range group.Rules {
				expr, err := promql.ParseExpr(rule.Expr)
				if err != nil {
					return nil, err
				}
				it := task{rule: rule, interval: interval, expr: expr, needs: map[string]bool{}}
				parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
					if selector, ok := node.(*parser.VectorSelector); ok {
						it.needs[selector.Name] = true
					}
					return nil
				})
				waiting = append(waiting, it)
				if rule.Record != "" {
					records[rule.Record] = true
				}
			}
		}
	}
	done := []task{}
	for len(waiting) > 0 {
		open := map[string]bool{}
		for _, it := range waiting {
			if it.rule.Record != "" {
				open[it.rule.Record] = true
			}
		}
		rest := []task{}
		for _, it := range waiting {
			free := true
			for name := range it.needs {
				free = free && !open[name]
			}
			if free {
				done = append(done, it)
			} else {
				rest = append(rest, it)
			}
		}
		if len(rest) == len(waiting) {
			return nil, fmt.Errorf("rules that need each other: %s", rest[0].rule.Record)
		}
		waiting = rest
	}
	return done, nil
}

// evaluate gives what a rule's expression gave at each instant, by labels without the metric's name: the
// parts of an `or` may have several names, and are one series all the same.
func evaluate(engine *promql.Engine, store *memory, it task, start, end time.Time) (promql.Matrix, error) {
	query, err := engine.NewRangeQuery(context.Background(), store, nil, it.rule.Expr, start, end, it.interval)
	if err != nil {
		return nil, err
	}
	defer query.Close()
	result := query.Exec(context.Background())
	if result.Err != nil {
		return nil, result.Err
	}
	matrix, err := result.Matrix()
	if err != nil {
		return nil, err
	}
	kept := promql.Matrix{}
	places := map[string]int{}
	for _, one := range matrix {
		named := one.Metric.DropMetricName()
		place, known := places[named.String()]
		if !known {
			place = len(kept)
			places[named.String()] = place
			kept = append(kept, promql.Series{Metric: named})
		}
		kept[place].Floats = append(kept[place].Floats, one.Floats...) // the query's own memory goes back to its pool
	}
	for _, one := range kept {
		sort.Slice(one.Floats, func(i, j int) bool { return one.Floats[i].T < one.Floats[j].T })
	}
	return kept, nil
}

// follow gives the times at which an alert fires, with `for` and `keep_firing_for` as Prometheus'
// rules/alerting.go has them.
func follow(it task, matrix promql.Matrix, end time.Time) []firing {
	hold, keep := time.Duration(it.rule.For).Milliseconds(), time.Duration(it.rule.KeepFiringFor).Milliseconds()
	step := it.interval.Milliseconds()
	fired := []firing{}
	for _, one := range matrix {
		builder := labels.NewBuilder(one.Metric)
		for name, text := range it.rule.Labels {
			builder.Set(name, text)
		}
		names := builder.Labels().Map()
		var since, last, began int64
		var shown float64
		pending, active := false, false
		resolve := func(at int64) {
			if active {
				fired = append(fired, firing{it.rule.Alert, names, began, at, shown})
			}
			pending, active = false, false
		}
		for _, point := range one.Floats {
			if pending && point.T-last > step { // it went away in between
				gone := last + step
				if !active || keep == 0 || point.T-gone > keep {
					until := gone
					if active {
						until += keep
					}
					resolve(until)
				}
			}
			if !pending {
				pending, since = true, point.T
			}
			if !active && point.T-since >= hold {
				active, began, shown = true, point.T, point.F
			}
			last = point.T
		}
		if pending {
			until := last + step
			if active {
				until += keep
			}
			resolve(min(until, end.UnixMilli()+step))
		}
	}
	return fired
}
