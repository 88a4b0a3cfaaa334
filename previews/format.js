export { formattedValueToString, getValueFormat } from "@grafana/data";
