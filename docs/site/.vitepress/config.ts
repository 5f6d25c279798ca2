import { join, relative, sep } from 'node:path';
import { type DefaultTheme, type MarkdownOptions, defineConfig } from 'vitepress';
import { asIndex, copyPages, slugOf, targetOf } from '../../../scripts/site-pages.ts';

/** Packages are found from where pages lie, so they lie here for the build. */
const PAGES = join(import.meta.dirname, '../.cache/pages');
copyPages(PAGES);

/** Where the repository is shown, for links to what is no page, such as an example. Empty: those are plain text. */
const REPOSITORY = process.env['REPOSITORY_URL'] ?? '';

const reference: DefaultTheme.SidebarItem = {
  text: 'Reference',
  items: [
    { text: 'CanaryRelease', link: '/docs/reference/canaryrelease' },
    { text: 'ReleaseCommand', link: '/docs/reference/releasecommand' },
    { text: 'AnalysisTemplate', link: '/docs/reference/analysistemplate' },
    { text: 'ClusterAnalysisTemplate', link: '/docs/reference/clusteranalysistemplate' },
    { text: 'NotificationPolicy', link: '/docs/reference/notificationpolicy' },
    { text: 'Conditions and phases', link: '/docs/conditions' },
    { text: 'Reasons', link: '/docs/reference/errors' },
    { text: 'Metrics of the operator', link: '/docs/reference/metrics' },
  ],
};

const sidebar: DefaultTheme.SidebarItem[] = [
  {
    text: 'Begin',
    items: [
      { text: 'Songbird', link: '/' },
      { text: 'Quick start', link: '/docs/quick-start' },
      { text: 'Concepts', link: '/docs/concepts' },
      { text: 'Tutorial', link: '/docs/tutorial-bookinfo' },
      { text: 'Install', link: '/docs/install' },
    ],
  },
  {
    text: 'Use',
    items: [
      { text: 'Recipes', link: '/docs/recipes' },
      { text: 'Metrics of your own', link: '/docs/metrics' },
      { text: 'The dashboard', link: '/docs/dashboard' },
      { text: 'Notifications', link: '/docs/notifications' },
      { text: 'Tracing', link: '/docs/tracing' },
      { text: 'Questions', link: '/docs/faq' },
    ],
  },
  reference,
  {
    text: 'Judge',
    items: [
      { text: 'Decisions, measured', link: '/docs/decisions' },
      { text: 'Reliability', link: '/docs/reliability' },
      { text: 'Next to others', link: '/docs/comparison' },
      { text: 'What it does not do', link: '/docs/limits' },
      { text: 'Changes', link: '/CHANGELOG' },
    ],
  },
  {
    text: 'Take part',
    collapsed: true,
    items: [
      { text: 'Contributing', link: '/CONTRIBUTING' },
      { text: 'Architecture', link: '/ARCHITECTURE' },
      { text: 'Decisions and why', link: '/docs/adr/' },
    ],
  },
];

/** Links are written for the repository; what is no page of the site leads there, or is plain text. */
const links: NonNullable<MarkdownOptions['config']> = (markdown) => {
  markdown.core.ruler.push('songbird-links', (state) => {
    const page = relative(
      PAGES,
      (state.env as { realPath?: string; path: string }).realPath ?? state.env.path,
    )
      .split(sep)
      .join('/')
      .replace(/(^|\/)index\.md$/, '$1README.md');
    for (const { children } of state.tokens) {
      let plain = false;
      for (const token of children ?? []) {
        // Braces in code are no expressions of the page.
        if (token.type === 'code_inline') token.attrSet('v-pre', '');
        if (token.type === 'link_open') {
          const target = targetOf(page, String(token.attrGet('href')), REPOSITORY);
          plain = target === undefined;
          if (target !== undefined) token.attrSet('href', target);
        }
        if (plain && token.type.startsWith('link_')) {
          token.type = token.type === 'link_open' ? 'em_open' : 'em_close';
          token.tag = 'span';
          token.attrs = null;
        }
      }
    }
  });
};

export default defineConfig({
  title: 'Songbird',
  description:
    'Progressive delivery for Kubernetes: verdicts by evidence, and a rollback that nothing can block',
  srcDir: '.cache/pages',
  outDir: '../../dist/site',
  cacheDir: '.cache/vite',
  rewrites: asIndex,
  markdown: { config: links, anchor: { slugify: slugOf } },
  themeConfig: {
    sidebar,
    search: { provider: 'local' },
    outline: [2, 3],
    ...(REPOSITORY === '' ? {} : { socialLinks: [{ icon: 'github', link: REPOSITORY }] }),
  },
});
