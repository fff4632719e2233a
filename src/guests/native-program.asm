; Program of a native subject of scenario machine-code: 64-bit mode from the first instruction on, stack below 0x3000,
; private memory at 0x300000.
;
; Each round it computes, executes instructions that its monitor skips, and calls the kernel.
org 0x200000
bits 64
SCRATCH equ 0x300000
NOTIFY  equ 1                           ; event: interrupt 48 for the guest
UNUSED  equ 40                          ; no event
        xor ebx, ebx
        mov r12, 0x9e3779b97f4a7c15
round:  inc rbx
        imul r12, rbx
        rol r12, 17
        push r12
        pop r13
        mov [SCRATCH + 0x108], rbx
        ; What the monitor skips.
        cpuid
        rdtsc
        mov ecx, 0x1b
        rdmsr
        in al, 0x60
        mov rax, cr3
        ; The kernel: an event, and a number that is none.
        mov eax, NOTIFY
        vmcall
        mov eax, UNUSED
        vmcall
        mov rdi, SCRATCH + 0x200
        mov ecx, 32
        mov rax, r12
        rep stosq
        jmp round
