// A dashboard drawn by Grafana's own components outside of Grafana: what its dashboard page does with the answers of a
// Prometheus. What is not in Grafana's packages, the defaults of its two panels, is here as the panels have it.
import {
  applyFieldOverrides, createTheme, dateTime, FieldConfigOptionsRegistry, FieldType, getDisplayValueAlignmentFactors,
  getFieldDisplayValues, identityOverrideProcessor, ThemeContext, thresholdsOverrideProcessor, toDataFrame,
  unitOverrideProcessor, valueMappingsOverrideProcessor,
} from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { BigValue, GlobalStyles, PanelChrome, Text, TimeSeries, ToolbarButton, VizRepeater } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import 'uplot/dist/uPlot.min.css';

const theme = createTheme({ colors: { mode: 'dark' } });
const kCell = 30, kGap = 8, kSide = 16, kHead = 88; // Grafana's grid, and what is above it
const told = (path: string, what: unknown) => fetch(path, { method: 'POST', body: JSON.stringify(what) });
window.addEventListener('error', (event) => told('/error', String(event.error?.stack ?? event.message)));
window.addEventListener('unhandledrejection', (event) => told('/error', String(event.reason?.stack ?? event.reason)));

// What a field of a panel has where the dashboard says nothing.
const kThresholds = { mode: 'absolute', steps: [{ value: -Infinity, color: 'green' }, { value: 80, color: 'red' }] };
const kDefaults: Record<string, any> = {
  timeseries: {
    color: { mode: 'palette-classic' }, mappings: [], thresholds: kThresholds,
    custom: {
      drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, fillOpacity: 0, gradientMode: 'none', spanNulls: false,
      insertNulls: false, showPoints: 'auto', pointSize: 5, barAlignment: 0, barWidthFactor: 0.6,
      stacking: { mode: 'none', group: 'A' }, axisPlacement: 'auto', axisLabel: '', axisColorMode: 'text',
      axisBorderShow: false, axisGridShow: true, axisCenteredZero: false, scaleDistribution: { type: 'linear' },
      hideFrom: { tooltip: false, viz: false, legend: false }, thresholdsStyle: { mode: 'off' },
    },
  },
  stat: { color: { mode: 'thresholds' }, mappings: [], thresholds: kThresholds },
};
const kOptions: Record<string, any> = {
  timeseries: { legend: { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] } },
  stat: {
    reduceOptions: { values: false, calcs: ['lastNotNull'], fields: '' }, orientation: 'auto', textMode: 'auto',
    colorMode: 'value', graphMode: 'area', justifyMode: 'auto', wideLayout: true,
  },
};

// The properties that a dashboard may set or override, by their paths.
const kProcess: Record<string, any> = {
  unit: unitOverrideProcessor, mappings: valueMappingsOverrideProcessor, thresholds: thresholdsOverrideProcessor,
};
const own = ['unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'color', 'mappings', 'thresholds'];
const custom = Object.keys(kDefaults.timeseries.custom).concat('axisSoftMin', 'axisSoftMax', 'lineStyle', 'transform');
const registry = new FieldConfigOptionsRegistry(() =>
  [...own, ...custom.map((path) => 'custom.' + path)].map((id) => ({
    id, path: id.replace('custom.', ''), name: id, isCustom: id.startsWith('custom.'), settings: {},
    process: kProcess[id] ?? identityOverrideProcessor,
    shouldApply: (field: any) => field.type !== FieldType.time || id.startsWith('custom.'),
    editor: () => null, override: () => null,
  })) as any
);

// JSON has no infinity; Grafana has null there.
function lowest(thresholds: any) {
  return thresholds && {
    ...thresholds, steps: thresholds.steps.map((step: any) => ({ ...step, value: step.value ?? -Infinity })),
  };
}

function fields_of(panel: any) {
  const defaults = panel.fieldConfig?.defaults ?? {}, plugin = kDefaults[panel.type];
  return {
    defaults: {
      ...plugin, ...defaults, thresholds: lowest(defaults.thresholds) ?? plugin.thresholds,
      custom: { ...plugin.custom, ...defaults.custom },
    },
    overrides: (panel.fieldConfig?.overrides ?? []).map((rule: any) => ({
      ...rule,
      properties: rule.properties.map((p: any) => (p.id === 'thresholds' ? { ...p, value: lowest(p.value) } : p)),
    })),
  };
}

// A frame for each series, as Grafana's Prometheus makes them.
function frames_of(panel: any, answers: any) {
  const frames = answers[panel.id].flatMap((target: any) =>
    target.series.map((series: any) =>
      toDataFrame({
        refId: target.refId,
        fields: [
          { name: 'Time', type: FieldType.time, config: { interval: answers.step * 1000 },
            values: series.values.map((v: any) => v[0] * 1000) },
          { name: 'Value', type: FieldType.number, labels: series.labels, config: { displayNameFromDS: series.name },
            values: series.values.map((v: any) => Number(v[1])) },
        ],
      })
    )
  );
  return applyFieldOverrides({
    data: frames, fieldConfig: fields_of(panel) as any, fieldConfigRegistry: registry, theme, timeZone: 'utc',
    replaceVariables: (text) => text,
  });
}

function Panel({ panel, answers, range, width, height }: any) {
  const frames = frames_of(panel, answers), options = kOptions[panel.type];
  if (panel.type === 'timeseries') {
    const legend = { ...options.legend, ...panel.options?.legend };
    return <TimeSeries frames={frames} structureRev={1} timeRange={range} timeZone="utc" width={width} height={height}
      legend={legend} options={{}} />;
  }
  const stat = { ...options, ...panel.options };
  return <VizRepeater width={width} height={height} source={frames} renderCounter={0} itemSpacing={3} autoGrid={true}
    orientation={stat.orientation} getAlignmentFactors={getDisplayValueAlignmentFactors}
    getValues={() => getFieldDisplayValues({
      fieldConfig: fields_of(panel) as any, reduceOptions: stat.reduceOptions, replaceVariables: (text: string) => text,
      theme, data: frames, sparkline: stat.graphMode !== 'none', timeZone: 'utc',
    })}
    renderValue={({ value, alignmentFactors, width, height, count }: any) => <BigValue value={value.display} count={count}
      sparkline={value.sparkline} colorMode={stat.colorMode} graphMode={stat.graphMode} justifyMode={stat.justifyMode}
      textMode={stat.textMode} alignmentFactors={alignmentFactors} wideLayout={stat.wideLayout} width={width}
      height={height} theme={theme} />} />;
}

function Variable({ label, value }: any) {
  const box = { border: `1px solid ${theme.colors.border.medium}`, padding: '5px 8px', lineHeight: '20px', fontSize: 12 };
  return <div style={{ display: 'flex', marginRight: 8 }}>
    <div style={{ ...box, background: theme.colors.background.secondary, borderRight: 0, fontWeight: 500 }}>{label}</div>
    <div style={{ ...box, background: theme.components.input.background, minWidth: 80 }}>{value}</div>
  </div>;
}

function Page({ dashboard, answers, variables }: any) {
  const cell = (window.innerWidth - 2 * kSide + kGap) / 24;
  const from = dateTime(answers.from * 1000).utc(), to = dateTime(answers.to * 1000).utc();
  const range = { from, to, raw: { from, to } };
  const clock = (time: any) => time.format('YYYY-MM-DD HH:mm:ss');
  const rows = Math.max(...dashboard.panels.map((p: any) => p.gridPos.y + p.gridPos.h));
  return <ThemeContext.Provider value={theme}>
    <GlobalStyles hackNoBackdropBlur={true} isExtensionSidebarOpen={false} />
    <div style={{ height: kHead, padding: `12px ${kSide}px 0` }}>
      <Text element="h1" variant="h4">{dashboard.title}</Text>
      <div style={{ display: 'flex', paddingTop: 8 }}>
        {variables.map((v: any) => <Variable key={v.label} {...v} />)}
        <div style={{ flexGrow: 1 }} />
        <ToolbarButton icon="clock-nine" variant="canvas">{clock(from)} to {clock(to)} UTC</ToolbarButton>
      </div>
    </div>
    <div style={{ position: 'relative', margin: `0 ${kSide}px`, height: rows * (kCell + kGap) }}>
      {dashboard.panels.map((panel: any) => {
        const { x, y, w, h } = panel.gridPos, width = w * cell - kGap, height = h * (kCell + kGap) - kGap;
        return <div key={panel.id} data-type={panel.type}
          style={{ position: 'absolute', left: x * cell, top: y * (kCell + kGap), width, height }}>
          <PanelChrome title={panel.title} width={width} height={height}>
            {(width, height) => <Panel {...{ panel, answers, range, width, height }} />}
          </PanelChrome>
        </div>;
      })}
    </div>
  </ThemeContext.Provider>;
}

async function draw() {
  const asked = await (await fetch('/answers.json')).json();
  await initPluginTranslations('grafana');
  // Text is measured before it is drawn.
  await Promise.all(['400', '500'].map((weight) => document.fonts.load(`${weight} 12px Inter`)));
  createRoot(document.getElementById('page')!).render(<Page {...asked} />);
  await new Promise((done) => setTimeout(done, 2000));
  await told('/drawn', document.querySelectorAll('[data-type=timeseries] canvas').length);
}
draw();
