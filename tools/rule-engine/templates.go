package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/template"
)

// Text is an annotation of a Grafana-managed rule, and what its template is given.
type text struct {
	Text   string             `json:"text"`
	Labels map[string]string  `json:"labels"`
	Values map[string]float64 `json:"values"`
}

// Value is what Grafana gives for each query: pkg/services/ngalert/state/template has it.
type templateValue struct {
	Labels map[string]string
	Value  float64
}

// Grafana's own definitions, put before each template, and how it treats a key that is missing.
const definitions = "{{- $labels := .Labels -}}{{- $values := .Values -}}{{- $value := .Value -}}"

// Render executes templates as Grafana does, by Prometheus' expander, which Grafana uses. Of a text
// that fails the error is printed in its place.
func render(given io.Reader, out io.Writer) error {
	var texts []text
	if err := json.NewDecoder(given).Decode(&texts); err != nil {
		return err
	}
	type result struct {
		Text  string `json:"text"`
		Error string `json:"error"`
	}
	results := []result{}
	for _, one := range texts {
		values := map[string]templateValue{}
		for name, v := range one.Values {
			values[name] = templateValue{one.Labels, v}
		}
		data := struct {
			Labels map[string]string
			Values map[string]templateValue
			Value  string
		}{one.Labels, values, fmt.Sprint(one.Values)}
		none := func(context.Context, string, time.Time) (promql.Vector, error) {
			return nil, fmt.Errorf("Grafana's templates ask no queries")
		}
		expander := template.NewTemplateExpander(context.Background(), definitions+one.Text, "annotation", data, model.Now(), none, &url.URL{}, []string{"missingkey=invalid"})
		expanded, err := expander.Expand()
		answer := result{Text: expanded}
		if err != nil {
			answer.Error = err.Error()
		}
		results = append(results, answer)
	}
	return json.NewEncoder(out).Encode(results)
}
