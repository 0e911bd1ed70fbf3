/** Sets the chosen colours before the page is drawn; without a choice the system's apply. Folds the menu on a narrow screen. */
const stored = localStorage.getItem('theme')
if (stored !== null) document.documentElement.dataset.theme = stored

document.addEventListener('DOMContentLoaded', () => {
  document.querySelector('#theme').addEventListener('click', () => {
    const isDark = getComputedStyle(document.documentElement).colorScheme === 'dark'
    document.documentElement.dataset.theme = isDark ? 'light' : 'dark'
    localStorage.setItem('theme', document.documentElement.dataset.theme)
  })
  if (matchMedia('(max-width: 60rem)').matches) document.querySelector('#pages').open = false
  document.querySelector('.menu [aria-current]')?.scrollIntoView({ block: 'center' })
  scrollTo({ top: location.hash === '' ? 0 : scrollY })
})
