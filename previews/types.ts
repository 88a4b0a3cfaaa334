// What a dashboard's JSON must be, by the types of @grafana/schema. A test writes files beside a copy
// of this one that give each dashboard such a type, and lets TypeScript judge: unknown names are
// errors, too.
import type { AnnotationQuery, Dashboard as Classic, Panel, RowPanel, VariableModel } from "@grafana/schema";
import type { Spec } from "@grafana/schema/apis/dashboard.grafana.app/v2";
import type { Options as BarGauge } from "@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen";
import type { Options as Heatmap } from "@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen";
import type { Options as Stat } from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type { Options as Table } from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type { Options as Text } from "@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen";
import type {
  FieldConfig as Lines,
  Options as TimeSeries,
} from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";
import type { TableFieldOptions as Cells } from "@grafana/schema";

// JSON has the values of enums, not their names.
export type Plain<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends (infer U)[]
      ? Plain<U>[]
      : T extends object
        ? { [K in keyof T]: Plain<T[K]> }
        : T;

type OfKind<Kind extends string, Options, Custom> = Omit<Plain<Panel>, "type" | "options"> & {
  type: Kind;
  options: Partial<Plain<Options>>;
  fieldConfig: { defaults: { custom: Partial<Plain<Custom>> } };
};

// What the Prometheus data source and query variables have beyond the common schema.
type Variable = Plain<VariableModel> & { definition?: string };
type Annotation = Plain<AnnotationQuery> & {
  expr: string;
  step: string;
  titleFormat: string;
  textFormat: string;
  useValueForTime: boolean;
};

export type Board = Omit<Plain<Classic>, "panels" | "templating" | "annotations"> & {
  templating: { list: Variable[] };
  annotations: { list: Annotation[] };
  panels: (
    | Plain<RowPanel>
    | OfKind<"bargauge", BarGauge, object>
    | OfKind<"heatmap", Heatmap, object>
    | OfKind<"stat", Stat, object>
    | OfKind<"table", Table, Cells>
    | OfKind<"text", Text, object>
    | OfKind<"timeseries", TimeSeries, Lines>
  )[];
};

export type Resource = {
  apiVersion: "dashboard.grafana.app/v2";
  kind: "Dashboard";
  metadata: { name: string; namespace: string };
  spec: Spec;
};
