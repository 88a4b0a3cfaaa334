package main

import (
	"context"
	"math"
	"regexp"
	"sort"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"
)

// Memory holds series of floats, and is what the engine asks.
type memory struct{ byName map[string][]*series }

type series struct {
	labels labels.Labels
	times  []int64
	values []float64
}

type recorded struct {
	Labels map[string]string `json:"labels"`
	Times  []int64           `json:"times"`
	Values []float64         `json:"values"`
}

func (s *series) append(at int64, v float64) {
	s.times, s.values = append(s.times, at), append(s.values, v)
}

func (s *series) Labels() labels.Labels { return s.labels }

func (s *series) Iterator(given chunkenc.Iterator) chunkenc.Iterator {
	if it, ok := given.(*iterator); ok {
		*it = iterator{series: s, at: -1}
		return it
	}
	return &iterator{series: s, at: -1}
}

func (m *memory) put(one *series) {
	if m.byName == nil {
		m.byName = map[string][]*series{}
	}
	name := one.labels.Get(labels.MetricName)
	m.byName[name] = append(m.byName[name], one)
}

// Add stores what a recording rule gave, with a stale marker wherever a series went away.
func (m *memory) add(name string, extra map[string]string, matrix promql.Matrix, interval time.Duration, end time.Time) {
	step := interval.Milliseconds()
	for _, one := range matrix {
		builder := labels.NewBuilder(one.Metric)
		builder.Set(labels.MetricName, name)
		for key, text := range extra {
			builder.Set(key, text)
		}
		kept := &series{labels: builder.Labels()}
		for number, point := range one.Floats {
			if number > 0 && point.T-one.Floats[number-1].T > step {
				kept.append(one.Floats[number-1].T+step, math.Float64frombits(value.StaleNaN))
			}
			kept.append(point.T, point.F)
		}
		if last := one.Floats[len(one.Floats)-1].T; last+step <= end.UnixMilli() {
			kept.append(last+step, math.Float64frombits(value.StaleNaN))
		}
		m.put(kept)
	}
}

func (m *memory) matching(wanted *regexp.Regexp) []recorded {
	shown := []recorded{}
	for name, all := range m.byName {
		if !wanted.MatchString(name) {
			continue
		}
		for _, one := range all {
			kept := recorded{Labels: one.labels.Map(), Times: []int64{}, Values: []float64{}}
			for number, v := range one.values {
				if !math.IsNaN(v) && !math.IsInf(v, 0) {
					kept.Times, kept.Values = append(kept.Times, one.times[number]), append(kept.Values, v)
				}
			}
			shown = append(shown, kept)
		}
	}
	return shown
}

func (m *memory) Querier(int64, int64) (storage.Querier, error) { return m, nil }

func (*memory) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (*memory) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (*memory) Close() error { return nil }

func (m *memory) Select(_ context.Context, sorted bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := []*series{}
	for _, matcher := range matchers {
		if matcher.Name == labels.MetricName && matcher.Type == labels.MatchEqual {
			found = m.byName[matcher.Value]
		}
	}
	kept := []*series{}
	for _, one := range found {
		fits := true
		for _, matcher := range matchers {
			fits = fits && matcher.Matches(one.labels.Get(matcher.Name))
		}
		if fits {
			kept = append(kept, one)
		}
	}
	if sorted {
		sort.Slice(kept, func(a, b int) bool { return labels.Compare(kept[a].labels, kept[b].labels) < 0 })
	}
	return &seriesSet{all: kept, at: -1}
}

type seriesSet struct {
	all []*series
	at  int
}

func (s *seriesSet) Next() bool                      { s.at++; return s.at < len(s.all) }
func (s *seriesSet) At() storage.Series              { return s.all[s.at] }
func (*seriesSet) Err() error                        { return nil }
func (*seriesSet) Warnings() annotations.Annotations { return nil }

type iterator struct {
	*series
	at int
}

func (i *iterator) Next() chunkenc.ValueType {
	i.at++
	return i.kind()
}

func (i *iterator) kind() chunkenc.ValueType {
	if i.at < len(i.times) {
		return chunkenc.ValFloat
	}
	return chunkenc.ValNone
}

func (i *iterator) Seek(t int64) chunkenc.ValueType {
	i.at = max(i.at, 0)
	if i.at < len(i.times) && i.times[i.at] < t {
		from := i.at
		i.at = from + sort.Search(len(i.times)-from, func(n int) bool { return i.times[from+n] >= t })
	}
	return i.kind()
}

func (i *iterator) At() (int64, float64) { return i.times[i.at], i.values[i.at] }
func (i *iterator) AtT() int64           { return i.times[i.at] }
func (*iterator) AtST() int64            { return 0 }
func (*iterator) Err() error             { return nil }
func (*iterator) AtHistogram(*histogram.Histogram) (int64, *histogram.Histogram) {
	panic("the samples are floats")
}
func (*iterator) AtFloatHistogram(*histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	panic("the samples are floats")
}
