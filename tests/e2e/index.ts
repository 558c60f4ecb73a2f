// Tests that join rooms live here; they are type-checked as one project.
export {}
